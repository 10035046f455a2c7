package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

func TestForwardedAddressIsBelievedOnlyFromProxies(t *testing.T) {
	apitest.OneNode(t, "with nginx in between, nginx is the proxy")
	s := apitest.Start(t, apitest.Config{})
	answer := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), "X-Forwarded-For: 192.0.2.7", "X-Real-Ip: 192.0.2.7")
	require.Contains(t, answer.Body, `"client_ip":"127.0.0.1"`)
	elsewhere := apitest.Start(t, apitest.Config{TrustedProxies: []string{"192.0.2.0/24"}})
	answer = elsewhere.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), "X-Forwarded-For: 192.0.2.7")
	require.Contains(t, answer.Body, `"client_ip":"127.0.0.1"`, "loopback and private addresses are not trusted unless they are named")
	mapped := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	answer = mapped.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), "X-Forwarded-For: ::ffff:192.0.2.7")
	require.Contains(t, answer.Body, `"client_ip":"192.0.2.7"`)
	answer = mapped.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "cy"), "X-Forwarded-For: 198.51.100.1, 10.0.0.9")
	require.Contains(t, answer.Body, `"client_ip":"10.0.0.9"`, "a private address is not trusted unless it is named")
	trusting := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.0/8", "2001:db8::/32"}})
	answer = trusting.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), "X-Forwarded-For: 198.51.100.1, 2001:db9::1, 2001:db8::1")
	require.Contains(t, answer.Body, `"client_ip":"2001:db9::1"`, "the last address that is not a trusted proxy")
	require.Equal(t, 200, trusting.Send(t, "GET", people.First.Path(), "", "X-Forwarded-For: nonsense").Status)
}
