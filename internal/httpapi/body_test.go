package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// A body that is not JSON is 400 in every operation with a body. Nothing is stored, and the
// answer repeats no value.
func TestMalformedJSON(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	before := s.DB.State(t)
	for name, c := range map[string]struct{ body, fault string }{
		"empty object cut":          {`{`, " syntax"},
		"cut in a member":           {`{"phone":"canary`, "/phone syntax"},
		"no JSON":                   {`canary`, " syntax"},
		"form":                      {`phone=canary`, " syntax"},
		"white space":               {` `, " syntax"},
		"single quotes":             {`{'phone':'canary'}`, " syntax"},
		"comment":                   {`{"phone":"1"/*canary*/}`, " syntax"},
		"comma at the end":          {`{"phone":"canary",}`, " syntax"},
		"NaN":                       {`{"is_active":NaN}`, "/is_active syntax"},
		"True":                      {`{"is_active":True}`, "/is_active syntax"},
		"trailing data":             {`{"phone":"1"}canary`, " syntax"},
		"two texts":                 {`{"phone":"1"}{"phone":"2"}`, " syntax"},
		"duplicate":                 {`{"phone":"1","phone":"canary"}`, "/phone duplicate_member"},
		"duplicate by escape":       {`{"phone":"1","ph\u006fne":"canary"}`, "/phone duplicate_member"},
		"duplicate null":            {`{"is_active":true,"is_active":null}`, "/is_active duplicate_member"},
		"duplicate unknown":         {`{"x":1,"x":1}`, "/x duplicate_member"},
		"duplicate inside":          {`{"x":{"y":1,"y":1}}`, "/x/y duplicate_member"},
		"control character":         {"{\"phone\":\"a\nb\"}", "/phone syntax"},
		"bad UTF-8":                 {"{\"phone\":\"\xff\"}", "/phone syntax"},
		"bad UTF-8 in a name":       {"{\"\xc3\x28\":1}", " syntax"},
		"overlong UTF-8":            {"{\"phone\":\"\xc0\xaf\"}", "/phone syntax"},
		"surrogate in UTF-8":        {"{\"phone\":\"\xed\xa0\x80\"}", "/phone syntax"},
		"lone surrogate":            {`{"phone":"\ud800"}`, "/phone syntax"},
		"lone low surrogate":        {`{"phone":"\udc00x"}`, "/phone syntax"},
		"byte order mark":           {"\xef\xbb\xbf{}", " syntax"},
		"UTF-16":                    {"\xfe\xff\x00{\x00}", " syntax"},
		"bad escape":                {`{"phone":"\x41"}`, "/phone syntax"},
		"deep array":                {strings.Repeat("[", 60000), ""},
		"deep object":               {strings.Repeat(`{"a":`, 12000), ""},
		"leading zero":              {`{"phone":01}`, ""},
		"huge, then trailing":       {`{"phone":1e999} canary`, " syntax"},
		"huge, then duplicate":      {`{"phone":1e999,"phone":1}`, "/phone duplicate_member"},
		"huge, then bad UTF-8":      {"{\"phone\":1e999,\"email\":\"\xff\"}", "/email syntax"},
		"control character in name": {"{\"a\\u0007b\":1,\"a\\u0007b\":1}", "/a\uFFFDb duplicate_member"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, to := range []string{"PUT /openapi/v1/users/2", "POST /openapi/v1/users"} {
				method, path, _ := strings.Cut(to, " ")
				answer := s.Send(t, method, path, c.body)
				require.Equal(t, 400, answer.Status, answer.Body)
				require.Equal(t, "malformed_json", string(answer.Problem(t).Code))
				require.Len(t, answer.Problem(t).Errors, 1)
				if c.fault != "" {
					require.Equal(t, []string{c.fault}, answer.Faults(t))
				}
				require.NotContains(t, answer.Body, "canary")
				require.Less(t, len(answer.Body), 2500)
			}
		})
	}
	require.Equal(t, before, s.DB.State(t))
	require.NotContains(t, s.Log.String(), "canary")
	require.Equal(t, 400, s.Send(t, "POST", "/openapi/v1/users", "").Status, "a body is required")
}

// JSON may be nested 10,000 deep, as the contract says. Deeper JSON has a fault of its own.
func TestDeepJSON(t *testing.T) {
	require.Contains(t, apitest.Contract().Info.Description, "nested at most 10,000 deep")
	s := apitest.Start(t, apitest.Config{})
	arrays := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	mixed := func(depth int) string {
		return strings.Repeat(`{"a":[`, depth/2) + strings.Repeat("]}", depth/2)
	}
	for name, c := range map[string]struct {
		body         string
		status       int
		deep, member bool
	}{
		"deepest arrays":           {arrays(10_000), 422, false, false},
		"arrays":                   {arrays(10_001), 400, true, false},
		"arrays that never end":    {strings.Repeat("[", 60_000), 400, true, false},
		"deepest mixture":          {mixed(10_000), 422, false, false},
		"mixture":                  {mixed(10_002), 400, true, false},
		"deepest member":           {`{"phone":` + arrays(9_999) + `}`, 422, false, true},
		"member":                   {`{"phone":` + arrays(10_000) + `}`, 400, true, true},
		"huge number, then arrays": {`{"is_active":1e999,"phone":` + arrays(10_000) + `}`, 400, true, true},
		"not JSON at this depth":   {strings.Repeat("[", 10_000) + "x", 400, false, false},
		"cut at this depth":        {strings.Repeat("[", 10_000), 400, false, false},
	} {
		for _, to := range []string{"PUT " + people.First.Path(), "POST /openapi/v1/users"} {
			method, path, _ := strings.Cut(to, " ")
			answer := s.Send(t, method, path, c.body)
			require.Equal(t, c.status, answer.Status, name)
			problem, fault := answer.Problem(t), answer.Problem(t).Errors[0]
			require.Equal(t, c.deep, strings.Contains(problem.Detail, "at most 10,000 deep"), name)
			require.Equal(t, c.deep, strings.Contains(fault.Detail, "at most 10,000 deep"), name)
			if c.deep {
				require.Equal(t, "malformed_json", string(problem.Code))
				require.Equal(t, "syntax", string(fault.Code))
			}
			if c.member && c.deep {
				require.True(t, strings.HasPrefix(fault.Pointer, "/phone/"), fault.Pointer)
			}
		}
	}
}

func TestMediaTypes(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	send := func(headers ...string) apitest.Answer {
		return s.Send(t, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`, headers...)
	}
	for _, accepted := range []string{
		"application/json", "Application/JSON", "application/json;charset=utf-8", `application/json; Charset="UTF-8"`,
	} {
		require.Equal(t, 200, send("Content-Type: "+accepted).Status, accepted)
	}
	for _, refused := range []string{
		"", "text/plain", "text/json", "application/json-patch+json", "application/merge-patch+json", "application/problem+json",
		"application/x-www-form-urlencoded", "application/jsonx", "application/*", "*/*", "json", "application/json; charset=latin1",
		"application/json; charset=utf-16", "application/json; charset=utf8", "application/json; charset=UTF8", "application/json; charset=", "application/json; charset", "application/json, application/json",
	} {
		answer := send("Content-Type: " + refused)
		require.Equal(t, 415, answer.Status, refused)
		require.Empty(t, answer.Header.Get("Accept-Encoding"))
		require.Equal(t, "application/json", answer.Header.Get("Accept"))
		require.Contains(t, answer.Problem(t).Detail, "charset=utf-8")
	}
	require.Equal(t, "application/json", send("Content-Type: application/json", "Content-Type: text/plain").Header.Get("Accept"))
	for _, encoding := range []string{"gzip", "identity", "br", "gzip, gzip", "x"} {
		answer := send("Content-Encoding: " + encoding)
		require.Equal(t, 415, answer.Status, encoding)
		require.Equal(t, "identity", answer.Header.Get("Accept-Encoding"))
		require.Empty(t, answer.Header.Get("Accept"))
	}
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/2", "", "Content-Type: text/plain", "Accept: text/html").Status)
	require.Equal(t, 422, s.Send(t, "PUT", "/openapi/v1/users/2", "[]", "Accept: text/html").Status, "never 406")
}
