package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
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
		`{"phone":"\t"}`:                                "Send text without control characters.",
		`{"password":"correct\thorse"}`:                 "Send visible characters and spaces as in RFC 8265 §4.2, 8 or more in Unicode NFC.",
		`{"enterprise_id":"a b"}`:                       "Send an identifier with only ASCII letters, digits, dots, underscores and hyphens.",
		`{"email":"x"}`:                                 "Send one e-mail address in ASCII, such as user@example.com.",
		`{"email":"` + strings.Repeat("x", 65) + `@y"}`: "Send one e-mail address in ASCII, such as user@example.com.",
		`{"x":1}`: "There is no such member.",
	} {
		errors := s.Send(t, "PUT", "/openapi/v1/users/1", body).Problem(t).Errors
		require.Len(t, errors, 1, body)
		require.Equal(t, want, errors[0].Detail, body)
	}
	for query, want := range map[string]string{
		"query=%0A": "Send text without control characters.", "page=x": "Send an integer.", "page=0": "Send 1 or more.", "page_size=101": "Send 100 or less.",
	} {
		require.Equal(t, want, s.Send(t, "GET", "/openapi/v1/users?"+query, "").Problem(t).Errors[0].Detail)
	}
	named := s.Send(t, "POST", "/openapi/v1/users", `{"nick_name":"a b","password":"correct horse","enterprise_id":"default"}`)
	require.Equal(t, "Send a name of letters and digits in any script, and of visible ASCII characters except / and @.", named.Problem(t).Errors[0].Detail)
	require.Equal(t, "Send this member.", s.Send(t, "POST", "/openapi/v1/users", "{}").Problem(t).Errors[0].Detail)
	require.Equal(t, "Send a body.", s.Send(t, "POST", "/openapi/v1/users", "").Problem(t).Errors[0].Detail)
	require.Equal(t, "This is not JSON in UTF-8 at or after byte 4.", s.Send(t, "PUT", "/openapi/v1/users/1", "{}  x").Problem(t).Errors[0].Detail)
	deep := strings.Repeat(`{"a":`, 12) + `{"b":1,"b":2}` + strings.Repeat("}", 12)
	require.Equal(t, []string{strings.Repeat("/a", 8) + " duplicate_member"}, s.Send(t, "PUT", "/openapi/v1/users/1", deep).Faults(t))
	require.Equal(t, `If-Match is malformed. Send either * or a list of entity tags like "1", "2", at most 1024 characters long.`,
		s.Send(t, "PUT", "/openapi/v1/users/1", "", "If-Match: canary").Problem(t).Detail)
}
