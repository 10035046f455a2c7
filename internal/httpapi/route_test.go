package httpapi_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/gen/spec"
	"userapi/internal/apitest"
)

func TestUnknownIDs(t *testing.T) {
	apitest.OneNode(t, "nginx refuses some of these paths itself")
	s := apitest.Start(t, apitest.Config{})
	notFound := s.Send(t, "GET", people.Missing.Path(), "").WithoutRequestID(t)
	for _, id := range []string{
		"0", "-1", "+1", "01", "1.0", "1.5", "1e0", "0x1", "2", "2147483647", "2147483648", "4294967297",
		strings.Repeat("9", 30), strings.Repeat("1", 65), "abc", "null", "true", "%00", "1%00", "%FF", "a%2Fb", "1%2F",
		"%2531", "%20", "1%20", "%201", "%E2%82%AC", "１", "٣", "1;x=1", "*", "..", "1,2", "%2e%2e",
	} {
		for _, method := range []string{"GET", "PUT", "HEAD"} {
			answer := s.Send(t, method, "/openapi/v1/users/"+id, "")
			require.Equal(t, 404, answer.Status, "%s %s", method, id)
			if method != "HEAD" {
				require.Equal(t, notFound, answer.WithoutRequestID(t))
			}
		}
	}
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/1", "").Status)
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/%31", "").Status, "it is the same path (RFC 3986 §2.3)")
}

// Unknown routes are 404 and unknown methods are 405, even without a token.
func TestUnknownRoutes(t *testing.T) {
	apitest.OneNode(t, "nginx refuses some of these paths itself")
	s := apitest.Start(t, apitest.Config{})
	const none = apitest.NoAuth
	notFound := s.Send(t, "GET", people.Missing.Path(), "").WithoutRequestID(t)
	for _, path := range []string{
		"//", "/openapi", "/openapi/v1", "/openapi/v1/", "/openapi/v1/users/", "/openapi/v1/users/1/", "/openapi/v1/users/1/x",
		"/openapi/v1//users/1", "/openapi/v2/users/1", "/Openapi/v1/users/1", "/openapi/v1/users/1/2/3", "/openapi/v1/users/1/changepwd/", "/openapi/v1/users/1/audit/x",
		"/openapi/v1/administrators/", "/openapi/v1/administrators/1/x", "/openapi/v1/auth-token/x", "/healthz/", "/docs/x", "/..",
	} {
		for _, method := range []string{"GET", "PUT", "DELETE", "BREW"} {
			answer := s.Send(t, method, path, "", none)
			require.Equal(t, 404, answer.Status, "%s %s", method, path)
			require.Equal(t, notFound, answer.WithoutRequestID(t))
		}
	}
	for path, allowed := range map[string]string{
		"/openapi/v1/users/1":           "OPTIONS, DELETE, GET, HEAD, PUT",
		"/openapi/v1/users/x":           "OPTIONS, DELETE, GET, HEAD, PUT",
		"/openapi/v1/users/1/changepwd": "OPTIONS, PUT",
		"/openapi/v1/users/x/audit":     "OPTIONS, GET, HEAD",
		"/openapi/v1/users":             "OPTIONS, GET, HEAD, POST",
		"/openapi/v1/administrators":    "OPTIONS, GET, HEAD, POST",
		"/openapi/v1/administrators/1":  "OPTIONS, DELETE",
		"/openapi/v1/auth-token":        "OPTIONS, DELETE, POST",
		"/healthz":                      "OPTIONS, GET, HEAD",
		"/":                             "OPTIONS, GET, HEAD",
		"/openapi.yaml":                 "OPTIONS, GET, HEAD",
		"/docs":                         "OPTIONS, GET, HEAD",
		"/openapi-3.1.json":             "OPTIONS, GET, HEAD",
	} {
		for _, method := range []string{"PATCH", "TRACE", "CONNECT", "BREW"} {
			answer := s.Send(t, method, path, "", none)
			require.Equal(t, 405, answer.Status, "%s %s", method, path)
			require.Equal(t, allowed, answer.Header.Get("Allow"))
			require.Equal(t, "method_not_allowed", string(answer.Problem(t).Code))
		}
		options := s.Send(t, "OPTIONS", path, "", none)
		require.Equal(t, 204, options.Status)
		require.Equal(t, allowed, options.Header.Get("Allow"))
		require.Empty(t, options.Body)
	}
	require.Equal(t, 405, s.Send(t, "HEAD", "/openapi/v1/changepwd", "").Status)
	require.Equal(t, 404, s.Send(t, "GET", "/openapi/v1/users//audit", "", apitest.NoAuth).Status)
}

// "OPTIONS *" asks about the server as a whole (RFC 9110 §9.3.7). It needs no token.
func TestServerOptions(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, headers := range []string{"", "\nAuthorization: TOKEN", "\nAuthorization: x", "\nContent-Length: 0", "\nIf-Match: x"} {
		answer := s.SendRaw(t, "OPTIONS * HTTP/1.1\nHost: x"+headers, "")
		require.Equal(t, 204, answer.Status, headers)
		require.Equal(t, "OPTIONS, DELETE, GET, HEAD, POST, PUT", answer.Header.Get("Allow"))
		require.Empty(t, answer.Body)
	}
	for _, line := range []string{"GET *", "PUT *", "OPTIONS /*", "OPTIONS /%2A"} {
		require.Equal(t, 404, s.SendRaw(t, line+" HTTP/1.1\nHost: x", "").Status, line)
	}
}

// A path is the same if unreserved characters in it are percent-encoded (RFC 3986 §2.3).
func TestEncodedPaths(t *testing.T) {
	apitest.OneNode(t, "nginx refuses some of these paths itself")
	s := apitest.Start(t, apitest.Config{})
	encode := func(path, unreserved, format string) string {
		var encoded strings.Builder
		for _, character := range []byte(path) {
			if strings.IndexByte(unreserved, character) >= 0 {
				fmt.Fprintf(&encoded, format, character)
			} else {
				encoded.WriteByte(character)
			}
		}
		return encoded.String()
	}
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for _, unreserved := range []string{"-", ".", "1", "0123456789", "u", "auv", letters, letters + "0123456789-."} {
		for _, format := range []string{"%%%02X", "%%%02x"} {
			for path, status := range map[string]int{
				"/openapi/v1/users/1": 200, "/openapi/v1/users/1/audit": 200, "/openapi/v1/administrators": 200,
				"/openapi/v1/auth-token": 405, "/openapi.yaml": 200, "/healthz": 200, "/docs/swagger-ui.css": 200,
				"/openapi/v1/users/99": 404, "/nowhere": 404,
			} {
				encoded := encode(path, unreserved, format)
				require.Equal(t, status, s.Send(t, "GET", encoded, "").Status, encoded)
			}
		}
	}
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/%75sers?page=1", "").Status)
	require.Equal(t, 204, s.Send(t, "DELETE", "/openapi/v1/auth%2Dtoken", "", apitest.Auth(s.CreateToken(t, people.First))).Status)
	require.Equal(t, 404, s.Send(t, "GET", "/openapi/v1/auth%7Etoken", "").Status, "~ is another character")
	for _, path := range []string{
		"/openapi%2Fv1/users", "/openapi/v1%2fusers", "/openapi/v1/users%2F1", "/openapi/v1/users/1%2Faudit", "/openapi/v1/%2575sers",
		"/openapi/v1/auth%252Dtoken", "/openapi/v1/%55sers", "/openapi/v1/users%00", "/openapi/v1/%2E%2E/v1/users", "/openapi/v1/users%3Fpage=1",
	} {
		require.Equal(t, 404, s.Send(t, "GET", path, "").Status, path)
	}
}

func TestHeadAnswersAsGet(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, path := range []string{
		"/openapi/v1/users/1", "/openapi/v1/users/2", "/openapi/v1/users", "/openapi/v1/users?page=x",
		"/openapi/v1/users/1/audit", "/openapi/v1/administrators", "/healthz", "/openapi.json", "/openapi-3.1.json", "/docs", "/docs/swagger-ui.css",
	} {
		get, head := s.Send(t, "GET", path, "", "Accept-Encoding: identity"), s.Send(t, "HEAD", path, "", "Accept-Encoding: identity")
		require.Equal(t, get.Status, head.Status)
		require.Empty(t, head.Body)
		for _, name := range []string{"Content-Type", "Content-Length", "ETag"} {
			require.Equal(t, get.Header.Get(name), head.Header.Get(name), "%s %s", path, name)
		}
	}
	require.Equal(t, 304, s.Send(t, "HEAD", "/openapi/v1/users/1", "", "If-None-Match: *").Status)
}

func TestProbes(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	const none = apitest.NoAuth
	contract, err := os.ReadFile("../../openapi.yaml")
	require.NoError(t, err)
	answer := s.Send(t, "GET", "/openapi.yaml", "", none)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, "application/yaml", answer.Header.Get("Content-Type"))
	require.Equal(t, string(contract), answer.Body, "it is openapi.yaml byte for byte")

	answer = s.Send(t, "GET", "/openapi.json", "", none)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
	require.Contains(t, answer.Body, `"operationId":"updateUser"`)

	answer31 := s.Send(t, "GET", "/openapi-3.1.json", "", none)
	require.Equal(t, 200, answer31.Status)
	require.Equal(t, string(spec.JSON31), answer31.Body)
	require.ElementsMatch(t, slices.Collect(maps.Keys(answer.Header)), slices.Collect(maps.Keys(answer31.Header)))
	require.Equal(t, "application/json", answer31.Header.Get("Content-Type"))

	settings, err := os.ReadFile("../../.oapi-codegen/client.yaml")
	require.NoError(t, err)
	answer = s.Send(t, "GET", "/oapi-codegen.yaml", "", none)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, "application/yaml", answer.Header.Get("Content-Type"))
	require.Equal(t, string(settings), answer.Body, "gen/client is generated with it")

	require.Equal(t, 200, s.Send(t, "GET", "/healthz", "", none).Status)
	require.Equal(t, 200, s.Send(t, "GET", "/readyz", "", none).Status)
	s.DB.Break(t)
	require.Equal(t, 200, s.Send(t, "GET", "/healthz", "", none).Status)
	answer = s.Send(t, "GET", "/readyz", "", none)
	require.Equal(t, 503, answer.Status)
	require.Equal(t, "1", answer.Header.Get("Retry-After"))
}
