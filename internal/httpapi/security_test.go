package httpapi_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Without a token, a stranger reaches the log-in, the paths that SECURITY.md lists, and the files of /docs. Everything
// else is 401, although the body never arrives.
func TestStrangersReachOnlyWhatIsPublic(t *testing.T) {
	text, err := os.ReadFile("../../.github/SECURITY.md")
	require.NoError(t, err)
	row := regexp.MustCompile(`\n\| a stranger without a token \| ([^|]*) \|`).FindStringSubmatch(string(text))
	require.NotNil(t, row)
	var listed, public []string
	for _, path := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
		listed = append(listed, path[1])
	}
	s := apitest.Start(t, apitest.Config{})
	for _, route := range s.Handler.(*echo.Echo).Routes() {
		if route.Method == echo.RouteNotFound {
			continue
		}
		path := strings.ReplaceAll(route.Path, ":user_id", "1")
		answer := s.SendRaw(t, fmt.Sprintf("%s %s HTTP/1.1\nHost: x\nContent-Length: 9", route.Method, path), "")
		isFileOfDocs := path == "/" || strings.HasPrefix(path, "/docs/")
		switch {
		case route.Method == echo.POST && path == "/openapi/v1/auth-token":
			require.Equal(t, 415, answer.Status, "the log-in asks for JSON")
		case answer.Status == 401:
			require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
		case !isFileOfDocs && route.Method == echo.GET:
			public = append(public, path)
		case !isFileOfDocs:
			require.Equal(t, echo.HEAD, route.Method, path)
		}
	}
	require.ElementsMatch(t, listed, public)
}

// However many paths, methods, hosts, names and addresses clients make up, there are no more time series.
func TestMetricsHaveNoLabelsOfClients(t *testing.T) {
	apitest.OneNode(t, "nginx refuses some of these requests itself")
	s := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	logIns := 0
	series := func(name string) (all []string) {
		for _, head := range []string{
			"GET /%s", "GET /openapi/v1/users/%s", "GET /openapi/v1/users?query=%s", "%s /openapi/v1/users", "GET /docs/%s", "OPTIONS /%s", "POST /openapi/v1/auth-token?x=%s", "GET http://%s/healthz",
		} {
			for _, token := range []string{"\nAuthorization: TOKEN", "\nAuthorization: " + name} {
				s.SendRaw(t, fmt.Sprintf(head, name)+" HTTP/1.1\nHost: "+name+".example.com\nUser-Agent: "+name+"\nX-Forwarded-For: 192.0.2."+name[len(name)-1:]+token, "")
			}
		}
		s.LogIn(t, "default/"+name, name)
		logIns++
		apitest.WaitFor(func() bool { // a refused log-in is counted after its answer
			return strings.Contains(s.Metrics(t), fmt.Sprintf("http_requests_total{code=\"invalid_credentials\",operation=\"createAuthToken\",status=\"401\"} %d\n", logIns))
		})
		for line := range strings.Lines(s.Metrics(t)) {
			if name, _, found := strings.Cut(line, "} "); found && strings.Contains(name, "http_") {
				all = append(all, name)
			}
		}
		slices.Sort(all)
		return all
	}
	first := series("MADEUP0")
	require.NotEmpty(t, first)
	for i := range 5 {
		require.Equal(t, first, series(fmt.Sprint("MADEUP", 1+i)))
	}
	require.NotContains(t, s.Metrics(t), "MADEUP")
}

// No answer sets a cookie or lets the page of another origin read it, and none is taken for another media type.
// Those of the API are not stored.
func TestBrowsersGetNoCookiesAndNoCORS(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	statuses := map[int]bool{}
	send := func(method, path, body string, headers ...string) {
		answer := s.Send(t, method, path, body, append(headers, "Origin: https://evil.example", "Cookie: token="+s.Token)...)
		statuses[answer.Status] = true
		for name := range answer.Header {
			require.False(t, name == "Set-Cookie" || strings.HasPrefix(name, "Access-Control-"), "%s %s: %s", method, path, name)
		}
		require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"), "%s %s", method, path)
		if strings.HasPrefix(path, "/openapi/") {
			require.Equal(t, "no-store", answer.Header.Get("Cache-Control"), "%s %s", method, path)
		}
	}
	eachOperation(t, func(_ *testing.T, method, path string, op *openapi3.Operation) {
		path = strings.ReplaceAll(path, "{user_id}", "1")
		body := ""
		if op.RequestBody != nil {
			body = "{}"
		}
		send(method, path, body, apitest.NoAuth)
		send("OPTIONS", path, "", apitest.NoAuth, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: authorization")
		send("PATCH", path, "")
		send(method, path, "{")
		if method != "DELETE" { // the token logs out, and nobody deletes oneself
			send(method, path, body)
		}
	})
	for _, path := range []string{"/", "/docs", "/docs/swagger-ui.css", "/openapi.yaml", "/openapi.json", "/openapi-3.1.json", "/oapi-codegen.yaml", "/healthz", "/readyz", "/nowhere", "/openapi/nowhere"} {
		send("GET", path, "", apitest.NoAuth)
		send("OPTIONS", path, "", apitest.NoAuth, "Access-Control-Request-Method: GET")
	}
	for _, status := range []int{200, 204, 400, 401, 404, 405, 422} {
		require.True(t, statuses[status], status)
	}
}

// A log-in that is refused compares one password, whether or not the user exists, has a password or is active.
func TestRefusedLogInsDoTheSameWork(t *testing.T) {
	var count atomic.Int64
	s := apitest.Start(t, apitest.Config{Hasher: countingHasher{apitest.CheapHasher(), &count}})
	ada, bob := s.CreateUserIn(t, "default", "ada", `"email":"ada@example.com"`), s.CreateUser(t, "bob")
	s.DB.SetActive(t, bob, nil)
	for _, name := range []string{ada.Username(), "ada@example.com", bob.Username(), people.First.Username(), "default/nobody", "nobody@example.com", "nobody", "nowhere/ada"} {
		for _, password := range []string{"wrong password", "wrong\u3000password", "wrong\u200bpassword"} {
			before := count.Load()
			require.Equal(t, 401, s.LogIn(t, name, password).Status, name)
			require.EqualValues(t, 1, count.Load()-before, name)
		}
	}
}
