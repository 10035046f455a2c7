package httpapi_test

import (
	"strings"
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
}

// The address that a trusted proxy names is logged, without its port. Entries are read from the last to
// the first, over all lines.
func TestForwardedAddresses(t *testing.T) {
	s := apitest.Start(t, apitest.Config{TrustedProxies: []string{"::ffff:127.0.0.0/104", "2001:db8::/32"}})
	for forwarded, want := range map[string]string{
		"203.0.113.9":                          "203.0.113.9",
		"203.0.113.9:4711":                     "203.0.113.9",
		"[2001:db9::1]:4711":                   "2001:db9::1",
		"[2001:db9::1]":                        "2001:db9::1",
		"2001:db9::1":                          "2001:db9::1",
		"::ffff:203.0.113.9":                   "203.0.113.9",
		"[::ffff:203.0.113.9]:80":              "203.0.113.9",
		"fe80::1%eth0":                         "fe80::1",
		" \t198.51.100.1:1 ,\t203.0.113.9:2\t": "203.0.113.9",
		"198.51.100.1, 203.0.113.9:2, [2001:db8::7]:3, 127.0.0.9": "203.0.113.9",
		"198.51.100.1\n203.0.113.9":                               "203.0.113.9", // two lines
		"nonsense, 203.0.113.9":                                   "203.0.113.9", // the client may have sent it
		"2001:db8::7, 127.0.0.2:1":                                "2001:db8::7", // all of them are trusted
		", 203.0.113.9, ,":                                        "203.0.113.9",
		"":                                                        "127.0.0.1",
		" , ":                                                     "127.0.0.1",
	} {
		var headers []string
		for line := range strings.SplitSeq(forwarded, "\n") {
			headers = append(headers, "X-Forwarded-For: "+line)
		}
		line := s.Log.LineWith(t, s.Send(t, "GET", "/healthz", "", headers...).Header.Get("X-Request-Id"))
		require.Contains(t, line, `"address":"`+want+`"`, forwarded)
	}
	require.NotContains(t, s.Log.String(), "WARN")
	for _, forwarded := range []string{
		"nonsense", "unknown", "203.0.113.9:", "203.0.113.9:x", "203.0.113.9:65536", "203.0.113", "[203.0.113.9]", "[2001:db9::1", "2001:db9::1]:1",
		"203.0.113.9, nonsense", "198.51.100.1, canary, 127.0.0.9", "203.0.113.9 198.51.100.1", "203.0.113.9\n_canary",
	} {
		var headers []string
		for line := range strings.SplitSeq(forwarded, "\n") {
			headers = append(headers, "X-Forwarded-For: "+line)
		}
		id := s.Send(t, "GET", "/healthz", "", headers...).Header.Get("X-Request-Id")
		require.Contains(t, s.Log.LineWith(t, `"msg":"request","request_id":"`+id), `"address":"127.0.0.1"`, forwarded)
	}
	require.Equal(t, 1, strings.Count(s.Log.String(), "WARN"), "once a minute")
	warning := s.Log.LineWith(t, "WARN")
	require.Contains(t, warning, "an entry is not an IP address")
	require.Contains(t, warning, `"peer":"127.0.0.1"`)
	require.NotContains(t, s.Log.String(), "canary")
}

// The server warns if a peer that is not trusted sends X-Forwarded-For, because it may be a proxy
// that the operator has not named.
func TestForwardedAddressFromAnybodyIsAWarning(t *testing.T) {
	apitest.OneNode(t, "with nginx in between, nginx is the proxy")
	for _, proxies := range [][]string{nil, {"192.0.2.0/24"}} {
		s := apitest.Start(t, apitest.Config{TrustedProxies: proxies})
		require.Equal(t, 200, s.Send(t, "GET", "/healthz", "").Status)
		require.NotContains(t, s.Log.String(), "WARN")
		for range 3 {
			require.Equal(t, 200, s.Send(t, "GET", people.First.Path(), "", "X-Forwarded-For: 203.0.113.77").Status)
			require.Equal(t, 200, s.Send(t, "GET", people.First.Path(), "", "X-Forwarded-For: canary").Status)
		}
		require.Equal(t, 1, strings.Count(s.Log.String(), "WARN"), "once a minute")
		warning := s.Log.LineWith(t, "WARN")
		require.Contains(t, warning, "USERAPI_TRUSTED_PROXIES")
		require.Contains(t, warning, `"peer":"127.0.0.1"`)
		require.NotContains(t, s.Log.String(), "203.0.113.77")
		require.NotContains(t, s.Log.String(), "canary")
	}
}
