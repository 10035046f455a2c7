package mock_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/contract"
)

// request is a request that the contract allows.
type request struct {
	method, path, body string
	operation          *openapi3.Operation
}

// operations returns a request for each operation of the contract.
func operations(t *testing.T) (requests []request) {
	t.Helper()
	for path, item := range apitest.Contract().Paths.Map() {
		for method, operation := range item.Operations() {
			one := request{method, strings.ReplaceAll(path, "{user_id}", "2"), "", operation}
			if operation.RequestBody != nil {
				examples := operation.RequestBody.Value.Content["application/json"].Examples
				first := slices.Sorted(maps.Keys(examples))[0]
				body, err := json.Marshal(examples[first].Value.Value)
				require.NoError(t, err)
				one.body = string(body)
			}
			requests = append(requests, one)
		}
	}
	return requests
}

// Each status, each code of a problem and each example that the contract has for an operation is given on demand. It has
// all headers that the contract names, it is what the contract says, and nothing changes.
func TestEveryDocumentedAnswer(t *testing.T) {
	a := start(t)
	a.DB.InsertPeople(t)
	before := a.DB.State(t)
	given := 0
	prefer := func(one request, status int, preference string) answer {
		t.Helper()
		got := a.send(t, one.method, one.path, one.body, "Prefer: "+preference)
		require.Equal(t, status, got.Status, "%s %s", one.operation.OperationID, preference)
		require.Equal(t, preference, got.Applied)
		require.Empty(t, got.Ignored)
		require.Regexp(t, `^[1-9][0-9]*$`, got.Header.Get("X-Request-Id"))
		for name := range one.operation.Responses.Status(status).Value.Headers {
			require.NotEmpty(t, got.Header.Get(name), "%s of %s %s", name, one.operation.OperationID, preference)
		}
		given++
		return got
	}
	codes := apitest.Contract().Components.Schemas["ProblemCode"].Value.Enum
	for _, one := range operations(t) {
		for text, response := range one.operation.Responses.Map() {
			status, err := strconv.Atoi(text)
			require.NoError(t, err)
			prefer(one, status, "code="+text)
			for _, code := range codes {
				if status >= 400 && strings.Contains(*response.Value.Description, "`"+code.(string)+"`") {
					got := prefer(one, status, fmt.Sprintf("code=%s, problem=%s", text, code))
					require.Equal(t, code, string(got.Problem(t).Code))
					require.Equal(t, code, string(prefer(one, status, fmt.Sprintf("problem=%s", code)).Problem(t).Code))
				}
			}
			for _, media := range response.Value.Content {
				for name, example := range media.Examples {
					got := prefer(one, status, fmt.Sprintf("code=%s, example=%s", text, name))
					want, err := json.Marshal(example.Value.Value)
					require.NoError(t, err)
					if status >= 400 {
						want = []byte(strings.Replace(string(want), "4QZ6YKPDXWWWWOOHTCTGXV3JHS", got.Problem(t).RequestID, 1))
					}
					require.JSONEq(t, string(want), got.Body)
				}
			}
			if one.method == http.MethodGet {
				got := a.send(t, "HEAD", one.path, "", "Prefer: code="+text)
				require.Equal(t, status, got.Status)
				require.Empty(t, got.Body)
			}
		}
	}
	require.Greater(t, given, 250)
	require.Equal(t, before, a.DB.State(t))
}

// A problem that has no example says what the contract says about its code.
func TestProblemWithoutExample(t *testing.T) {
	a := start(t)
	got := a.send(t, "PUT", people.User.Path(), `{}`, "Prefer: code=409, problem=last_administrator")
	require.JSONEq(t, `{
		"type": "urn:userapi:problem:last_administrator",
		"title": "Last administrator",
		"status": 409,
		"detail": "The enterprise has other users, but no other active administrator.",
		"code": "last_administrator",
		"request_id": "1",
		"errors": []
	}`, got.Body)
}

// The first problem that the description of a status names is the one that a status alone gives.
func TestFirstAnswerOfAStatus(t *testing.T) {
	a := start(t)
	for preference, code := range map[string]string{
		"code=400": "malformed_json", "code=403": "forbidden", "code=409": "email_taken", "example=log_in": "reauthentication_required",
	} {
		got := a.send(t, "PUT", people.User.Path(), `{}`, "Prefer: "+preference)
		require.Equal(t, code, string(got.Problem(t).Code), preference)
	}
}

// The request itself does not matter: neither the token nor the body.
func TestAnswerToABrokenRequest(t *testing.T) {
	a := start(t)
	got := a.send(t, "PUT", "/openapi/v1/users/no-such-user", `{"is_active":`, apitest.NoAuth, "Content-Type: text/plain", "Prefer: code=409")
	require.Equal(t, 409, got.Status)
}

// The header is read as RFC 7240 says.
func TestFormsOfPrefer(t *testing.T) {
	a := start(t)
	for _, headers := range [][]string{
		{"code=409"},
		{"CODE=409"},
		{`code="409"`},
		{`code="4\09"`},
		{"code = 409"},
		{"code\t=\t409 \t"},
		{", ,code=409,,"},
		{"code=409, code=404"},
		{"code=409", "code=404, Code=403"},
		{"delay=0, code=409"},
		{"delay=0", "code=409"},
		{"delay=0,code=409"},
		{"code=409;"},
		{"code=409 ; , delay=0"},
	} {
		for i := range headers {
			headers[i] = "Prefer: " + headers[i]
		}
		got := a.send(t, "PUT", people.First.Path(), `{}`, headers...)
		require.Equal(t, 409, got.Status, headers)
		require.Contains(t, got.Applied, "code=409")
		require.Empty(t, got.Ignored, headers)
	}
	got := a.send(t, "PUT", people.First.Path(), `{}`, `Prefer: return="a, code=409", respond-async; wait="x;\"y", code=404;foreign=1`)
	require.Equal(t, 404, got.Status)
	require.Equal(t, "code=404", got.Applied)
	require.Equal(t, []string{
		"Only code, problem, example, delay and drop are preferences here.",
		"No preference has parameters, so separate preferences with a comma, not with a semicolon.",
	}, got.Ignored)
}

// What the contract does not document is not given. The server answers, and a header says why.
func TestIgnoredPreferences(t *testing.T) {
	a := start(t)
	a.DB.InsertPeople(t)
	get := func(path string, status int, prefer string, reason string) {
		t.Helper()
		got := a.send(t, "GET", path, "", "Prefer: "+prefer)
		require.Equal(t, status, got.Status)
		require.Empty(t, got.Applied)
		require.Equal(t, []string{reason}, got.Ignored)
	}
	const statuses = "200, 304, 400, 401, 404, 412, 429, 500 and 503."
	const malformed = "The header Prefer is not a list of preferences as in RFC 7240."
	const delay = "A delay is a number of milliseconds from 0 to 60000, as in delay=1500."
	user := people.User.Path()
	for prefer, reason := range map[string]string{
		"code=409":                    "The contract has no such status for getUser, but it has " + statuses,
		"code=999":                    "The contract has no such status for getUser, but it has " + statuses,
		"code":                        "The contract has no such status for getUser, but it has " + statuses,
		`code=""`:                     "The contract has no such status for getUser, but it has " + statuses,
		"code=0404":                   "The contract has no such status for getUser, but it has " + statuses,
		"code=404, problem=forbidden": "The contract has no such problem for this answer of getUser, but it has not_found.",
		"problem=nonsense, code=404":  "The contract has no such problem for this answer of getUser, but it has not_found.",
		"code=200, problem=not_found": "The contract has no problem for this answer of getUser.",
		"problem=secret-value":        "The contract has no such problem for getUser, but it has malformed_header, unauthenticated, not_found, precondition_failed, too_many_requests, internal_error and unavailable.",
		"example=nonsense":            "The contract has no such example for getUser, but it has undecided.",
		"code=304, example=undecided": "The contract has no example for this answer of getUser.",
		"delay=-1":                    delay,
		"delay=60001":                 delay,
		"delay=99999999999999999999":  delay,
		"delay=1s":                    delay,
		"delay":                       delay,
		"drop":                        "A connection can be dropped with drop=before or with drop=after.",
		"drop=Before":                 "A connection can be dropped with drop=before or with drop=after.",
		"dely=1500":                   "Only code, problem, example, delay and drop are preferences here.",
		`code="404`:                   malformed,
		`code="404\`:                  malformed,
		"code=404 problem=not_found":  malformed,
		"code=":                       malformed,
		"=404":                        malformed,
		"code=404;=1":                 malformed,
		"code=404;a=":                 malformed,
		"code=404, (":                 malformed,
		"code=40\u00e9":               malformed,
		`code="404"5`:                 malformed,
		"code:404":                    malformed,
	} {
		get(user, 200, prefer, reason)
	}
	get("/openapi/v1/administrators", 200, "example=two", "The contract has no such example for listAdministrators, but it has one, enterprise, role, body and query.")
	for _, path := range []string{"/openapi/v1/nothing", "/openapi/v1/users/", "/openapi/v1/users/2/", "/openapi/v1/changepwd"} {
		status := 404
		if path == "/openapi/v1/changepwd" {
			status = 405
		}
		get(path, status, "code=200", "The contract has no operation with this method and path.")
	}
	get("/openapi.yaml", 200, "code=404", "The contract has no operation with this method and path.")
	got := a.send(t, "OPTIONS", user, "", "Prefer: code=200")
	require.Equal(t, 204, got.Status)
	require.NotEmpty(t, got.Header.Get("Allow"))

	got = a.send(t, "PUT", user, `{"phone":"1"}`, "Prefer: example=body")
	require.Equal(t, 200, got.Status)
	require.Equal(t, []string{"The contract has this example for several statuses of updateUser, so choose one with code: 400 and 422."}, got.Ignored)
	require.Equal(t, "1", a.DB.Row(t, people.User).Phone)

	got = a.send(t, "PUT", user, `{"phone":"2"}`, "Prefer: code=418, delay=0")
	require.Equal(t, "delay=0", got.Applied)
	require.Equal(t, "2", a.DB.Row(t, people.User).Phone)
}

// A delay comes before everything else, and before the server sees the request.
func TestDelay(t *testing.T) {
	a := start(t)
	a.DB.InsertPeople(t)
	for _, prefer := range []string{"delay=300", "delay=300, code=200", "code=404, delay=300"} {
		begin := time.Now()
		got := a.send(t, "PUT", people.User.Path(), `{"phone":"1"}`, "Prefer: "+prefer)
		require.GreaterOrEqual(t, time.Since(begin), 300*time.Millisecond)
		require.ElementsMatch(t, strings.Split(prefer, ", "), strings.Split(got.Applied, ", "))
	}
	require.Equal(t, "1", a.DB.Row(t, people.User).Phone)
}

// A client that goes during a delay ends it, and the server never sees the request.
func TestClientGoesDuringDelay(t *testing.T) {
	a := start(t)
	a.DB.InsertPeople(t)
	before := a.DB.State(t)
	for _, body := range []string{`{"phone":"1"}`, ""} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := a.do(ctx, t, "PUT", people.User.Path(), body, "Prefer: delay=60000")
			done <- err
		}()
		require.Eventually(t, func() bool { return len(a.requests(t)) > 0 }, time.Minute, time.Millisecond)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Eventually(t, func() bool { return a.requests(t)[0].State == "dropped" }, 50*time.Second, time.Millisecond)
		a.emptyJournal(t)
	}
	require.Equal(t, before, a.DB.State(t))
}

// With drop=before, nothing has happened, so a second request does what the first one should have done.
func TestDropBefore(t *testing.T) {
	a := start(t)
	a.DB.InsertPeople(t)
	version := a.send(t, "GET", people.User.Path(), "").Header.Get("ETag")
	before := a.DB.State(t)
	for _, prefer := range []string{"drop=before", "drop=before, code=200", "delay=1, drop=before"} {
		a.requireDropped(t, "PUT", people.User.Path(), `{"phone":"1"}`, "Prefer: "+prefer)
	}
	require.Equal(t, before, a.DB.State(t))
	require.Equal(t, 200, a.send(t, "PUT", people.User.Path(), `{"phone":"1"}`, "If-Match: "+version).Status)
}

// With drop=after, everything has happened, so a second request with the same If-Match meets a newer version.
func TestDropAfter(t *testing.T) {
	a := start(t)
	a.DB.InsertPeople(t)
	version := a.send(t, "GET", people.User.Path(), "").Header.Get("ETag")
	row := a.DB.Row(t, people.User)
	a.requireDropped(t, "PUT", people.User.Path(), `{"phone":"1"}`, "If-Match: "+version, "Prefer: drop=after")
	row.Phone = "1"
	row.Version++
	require.Equal(t, row, a.DB.Row(t, people.User))
	require.Equal(t, 412, a.send(t, "PUT", people.User.Path(), `{"phone":"1"}`, "If-Match: "+version).Status)
	require.Equal(t, 200, a.send(t, "PUT", people.User.Path(), `{"phone":"1"}`).Status)
	require.Equal(t, row.Version+1, a.DB.Row(t, people.User).Version)

	a.requireDropped(t, "DELETE", people.User.Path(), "", "Prefer: drop=after")
	require.Equal(t, 404, a.send(t, "DELETE", people.User.Path(), "").Status)
	a.requireDropped(t, "POST", "/openapi/v1/users", `{"nick_name":"new","password":"12345678","enterprise_id":"default"}`, "Prefer: drop=after")
	require.Equal(t, 409, a.send(t, "POST", "/openapi/v1/users", `{"nick_name":"new","password":"12345678","enterprise_id":"default"}`).Status)

	a.DB.InsertMany(t, "default", 100)
	a.requireDropped(t, "GET", "/openapi/v1/users?page_size=100", "", "Prefer: drop=after") // longer than what net/http keeps back

	before := a.DB.State(t)
	a.requireDropped(t, "PUT", people.OtherUser.Path(), `{"phone":"1"}`, "Prefer: drop=after, code=200")
	require.Equal(t, before, a.DB.State(t), "the answer that was dropped was not the server's")
}

// requireDropped fails if there is an answer. Each request has a connection of its own, because a client may repeat a
// request if a connection that it has used before ends.
func (a *api) requireDropped(t *testing.T, method, path, body string, headers ...string) {
	t.Helper()
	a.transport.CloseIdleConnections()
	_, err := a.do(t.Context(), t, method, path, body, headers...)
	require.ErrorIs(t, err, io.EOF)
}

// After an answer on demand or a delay, the connection serves the next request, even if the server has not read the body. A client
// that waits to be asked for its body is asked.
func TestConnectionAfterAnswer(t *testing.T) {
	a := start(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(a.URL, "http://"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	received := bufio.NewReader(conn)
	for _, rest := range []string{
		"Content-Length: 0\r\n\r\n",
		"Content-Length: 60000\r\n\r\n" + strings.Repeat("x", 60000),
		"Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000),
	} {
		for prefer, status := range map[string]int{"code=409": 409, "delay=1": 401} {
			if len(rest) > contract.MaxBody && status == 401 {
				continue // the server itself closes the connection
			}
			_, err := io.WriteString(conn, "PUT /openapi/v1/users/1 HTTP/1.1\r\nHost: x\r\nPrefer: "+prefer+"\r\n"+rest)
			require.NoError(t, err)
			response, err := http.ReadResponse(received, nil)
			require.NoError(t, err)
			require.Equal(t, status, response.StatusCode)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.False(t, response.Close, "%s %.40q", prefer, rest)
		}
	}
	_, err = io.WriteString(conn, "PUT /openapi/v1/users/1 HTTP/1.1\r\nHost: x\r\nPrefer: code=200\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	require.NoError(t, err)
	line, err := received.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
}

// The server itself, without the mock around it, ignores the header.
func TestServerIgnoresPrefer(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, prefer := range []string{"code=409", "problem=forbidden", "example=role", "delay=60000", "drop=before", "drop=after"} {
		answer := s.Send(t, "PUT", people.First.Path(), `{"phone":"1"}`, "Prefer: "+prefer)
		require.Equal(t, 200, answer.Status)
		require.NotContains(t, answer.Header, "Preference-Applied")
		require.NotContains(t, answer.Header, "Prefer-Ignored")
	}
}
