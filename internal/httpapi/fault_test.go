package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/httpapi/apitest"
)

// Each fault says what is expected in its place.
func TestFaultDetails(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for body, want := range map[string]string{
		`null`:             "Send an object.",
		`{"phone":1}`:      "Send a string.",
		`{"phone":null}`:   "Send a string.",
		`{"is_active":1}`:  "Send a boolean or null.",
		`{"password":"x"}`: "Send 8 or more characters.",
		`{"password":"` + strings.Repeat("x", 129) + `"}`: "Send 128 characters or fewer.",
		`{"enterprise_id":"a b"}`:                         "Send a string that matches ^[A-Za-z0-9._-]+$, as in default",
		`{"email":"x"}`:                                   "Send a string in the format email, as in user@example.com",
		`{"email":"` + strings.Repeat("x", 65) + `@y"}`:   "Send a string in the format email, as in user@example.com",
		`{"x":1}`: "There is no such member.",
	} {
		errors := s.Send(t, "PUT", "/openapi/v1/users/1", body).Problem(t).Errors
		require.Len(t, errors, 1, body)
		require.Equal(t, want, errors[0].Detail, body)
	}
	require.Equal(t, "Send this member.", s.Send(t, "POST", "/openapi/v1/users", "{}").Problem(t).Errors[0].Detail)
	require.Equal(t, "Send a body.", s.Send(t, "POST", "/openapi/v1/users", "").Problem(t).Errors[0].Detail)
	require.Equal(t, "This is not JSON in UTF-8 at or after byte 4.", s.Send(t, "PUT", "/openapi/v1/users/1", "{}  x").Problem(t).Errors[0].Detail)
	require.Equal(t, `If-Match is malformed. Send it as in If-Match: "1"`,
		s.Send(t, "PUT", "/openapi/v1/users/1", "", "If-Match: canary").Problem(t).Detail)
}
