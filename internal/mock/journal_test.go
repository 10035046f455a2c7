package mock_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/contract"
	"userapi/internal/mock"
)

// logged is a request in the answer of GET /requests.
type logged struct {
	Number      int64
	Time        time.Time
	State       string
	RequestID   string `json:"request_id"`
	Method      string
	Target      string
	Protocol    string
	Header      http.Header
	BodyState   string `json:"body_state"`
	BodyBytes   int    `json:"body_bytes"`
	Body        string
	BodyBase64  string `json:"body_base64"`
	OperationID string `json:"operation_id"`
	Parameters  map[string]map[string]any
	Members     map[string]map[string]any
	Answer      *struct {
		Status  int
		Problem string
		Errors  []map[string]any
	}
	PreferenceApplied string   `json:"preference_applied"`
	PreferIgnored     []string `json:"prefer_ignored"`
}

// journal returns what GET /requests answers. Any goroutine may call it.
func (a *api) journal(t testing.TB) string {
	t.Helper()
	return a.callOps(t, http.MethodGet, 200)
}

func (a *api) callOps(t testing.TB, method string, status int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.Ops+"/requests", nil)
	if !assert.NoError(t, err) {
		return ""
	}
	response, err := a.transport.RoundTrip(request)
	if !assert.NoError(t, err) {
		return ""
	}
	text, err := io.ReadAll(response.Body)
	assert.NoError(t, errors.Join(err, response.Body.Close()))
	assert.Equal(t, status, response.StatusCode)
	return string(text)
}

// requests returns the requests in the journal. Any goroutine may call it.
func (a *api) requests(t testing.TB) []logged {
	t.Helper()
	return parseJournal(t, a.journal(t))
}

func parseJournal(t testing.TB, text string) []logged {
	t.Helper()
	var list struct{ Requests []logged }
	assert.NoError(t, json.Unmarshal([]byte(text), &list))
	return list.Requests
}

// last returns the newest request in the journal.
func (a *api) last(t testing.TB) logged {
	t.Helper()
	all := a.requests(t)
	require.NotEmpty(t, all)
	return all[len(all)-1]
}

func (a *api) emptyJournal(t testing.TB) {
	t.Helper()
	require.Empty(t, a.callOps(t, http.MethodDelete, 204))
	require.Empty(t, a.requests(t))
}

// A member that is absent, one that is null and one that has a value are told apart, for each of them.
func TestJournalShowsThreeStates(t *testing.T) {
	a := start(t)
	begin := time.Now().Truncate(time.Microsecond)
	path := people.First.Path()
	got := a.send(t, "PUT", path, `{ "is_active": true,"phone":"1",  "email":"a@example.com" }`, `If-Match: "1"`)
	require.Equal(t, 200, got.Status)
	last := a.last(t)
	require.EqualValues(t, 1, last.Number)
	require.WithinRange(t, last.Time, begin, time.Now())
	require.Equal(t, "answered", last.State)
	require.Equal(t, got.Header.Get("X-Request-Id"), last.RequestID)
	require.Equal(t, "PUT "+path+" HTTP/1.1", last.Method+" "+last.Target+" "+last.Protocol)
	require.Equal(t, []string{"application/json"}, last.Header["Content-Type"])
	require.Equal(t, []string{strings.TrimPrefix(a.URL, "http://")}, last.Header["Host"])
	require.Equal(t, []string{"Bearer ***"}, last.Header["Authorization"])
	require.Equal(t, `{ "is_active": true,"phone":"1",  "email":"a@example.com" }`, last.Body, "as it was sent")
	require.Equal(t, len(last.Body), last.BodyBytes)
	require.Equal(t, "updateUser", last.OperationID)
	require.Equal(t, 200, last.Answer.Status)
	require.Empty(t, last.Answer.Problem)
	require.Equal(t, map[string]map[string]any{
		"user_id":       {"in": "path", "state": "value", "value": "1"},
		"If-Match":      {"in": "header", "state": "value", "value": `"1"`},
		"If-None-Match": {"in": "header", "state": "absent"},
	}, last.Parameters)

	for _, active := range []string{"absent", "true", "false", "null"} {
		body := `{"is_active":` + active + `}`
		want := map[string]any{"state": "value", "value": active == "true"}
		switch active {
		case "absent":
			body, want = `{}`, map[string]any{"state": "absent"}
		case "null":
			want = map[string]any{"state": "null"}
		}
		a.send(t, "PUT", path, body)
		last := a.last(t)
		require.Equal(t, map[string]map[string]any{
			"password": {"state": "absent"}, "enterprise_id": {"state": "absent"}, "email": {"state": "absent"}, "phone": {"state": "absent"},
			"is_active": want,
		}, last.Members)
		require.Equal(t, "json", last.BodyState)
	}
	for body, want := range map[string]map[string]any{
		`{"password":null}`:          {"state": "null"},
		`{"password":"12345678"}`:    {"state": "value"},
		`{"password":""}`:            {"state": "value"},
		`{"p\u0061ssword":12345678}`: {"state": "value"},
		`{"Password":"12345678"}`:    {"state": "absent"},
	} {
		a.send(t, "PUT", path, body)
		require.Equal(t, want, a.last(t).Members["password"], body)
	}
	a.send(t, "PUT", path, `{"phone":null,"email":2.0,"is_active":false,"is_active":null}`)
	last = a.last(t)
	require.Equal(t, map[string]any{"state": "null"}, last.Members["phone"])
	require.Equal(t, map[string]any{"state": "null", "repeated": true}, last.Members["is_active"])
	require.Contains(t, a.journal(t), `"email":{"state":"value","value":2.0}`, "a number as it was sent")
	require.Equal(t, "malformed_json", last.Answer.Problem)
}

func TestJournalShowsParameters(t *testing.T) {
	a := start(t)
	a.send(t, "GET", "/openapi/v1/users?page=2&query=&page=1&x=", "")
	require.Equal(t, map[string]map[string]any{
		"query":     {"in": "query", "state": "value", "value": ""},
		"page":      {"in": "query", "state": "value", "value": "2", "repeated": true},
		"page_size": {"in": "query", "state": "absent"},
	}, a.last(t).Parameters)
	require.Equal(t, "/openapi/v1/users?page=2&query=&page=1&x=", a.last(t).Target)
	a.send(t, "GET", "/openapi/v1/%75sers/%31", "", "X: y")
	require.Equal(t, "/openapi/v1/%75sers/%31", a.last(t).Target, "as it was sent")
	require.Equal(t, "1", a.last(t).Parameters["user_id"]["value"])
	a.sendCut(t, "GET /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: TOKEN\nIf-Match: \"8\"\nIf-Match: \"9\"\n\n")
	require.Equal(t, []string{`"8"`, `"9"`}, a.last(t).Header["If-Match"], "as they were sent, although the server joins them")
	require.Equal(t, map[string]any{"in": "header", "state": "value", "value": `"8"`, "repeated": true}, a.last(t).Parameters["If-Match"])
	require.Equal(t, 412, a.last(t).Answer.Status)
	a.send(t, "GET", "/openapi/v1/users/a%2Fb%20c", "")
	require.Equal(t, "a/b c", a.last(t).Parameters["user_id"]["value"])
	require.Equal(t, "/openapi/v1/users/a%2Fb%20c", a.last(t).Target)
}

// The verdict is what was answered.
func TestJournalShowsVerdict(t *testing.T) {
	a := start(t)
	a.send(t, "PUT", people.First.Path(), `{"nickname":"x","is_active":"yes"}`)
	last := a.last(t)
	require.Equal(t, 422, last.Answer.Status)
	require.Equal(t, "invalid_request", last.Answer.Problem)
	require.Equal(t, []map[string]any{
		{"pointer": "/is_active", "code": "type", "detail": "Send a boolean or null."},
		{"pointer": "/nickname", "code": "unknown_member", "detail": "There is no such member."},
	}, last.Answer.Errors)
	a.send(t, "GET", "/openapi/v1/users?page=0", "")
	require.Equal(t, "page", a.last(t).Answer.Errors[0]["parameter"])

	a.send(t, "PUT", people.First.Path(), `{"is_active":null}`, "Prefer: code=409, problem=last_administrator")
	last = a.last(t)
	require.Equal(t, "last_administrator", last.Answer.Problem)
	require.Equal(t, "code=409, problem=last_administrator", last.PreferenceApplied)
	require.Equal(t, map[string]any{"state": "null"}, last.Members["is_active"])
	require.Empty(t, last.PreferIgnored)

	a.send(t, "GET", people.First.Path(), "", "Prefer: code=418")
	last = a.last(t)
	require.Equal(t, 200, last.Answer.Status)
	require.Empty(t, last.PreferenceApplied)
	require.Len(t, last.PreferIgnored, 1)

	a.requireDropped(t, "PUT", people.First.Path(), `{"phone":"1"}`, "Prefer: drop=before")
	last = a.last(t)
	require.Equal(t, "dropped", last.State)
	require.Nil(t, last.Answer)
	require.Equal(t, `{"phone":"1"}`, last.Body)

	a.requireDropped(t, "PUT", people.First.Path(), `{"phone":"1"}`, "Prefer: drop=after")
	last = a.last(t)
	require.Equal(t, "dropped", last.State)
	require.Equal(t, 200, last.Answer.Status)
	require.NotEmpty(t, last.RequestID)

	a.send(t, "HEAD", people.Missing.Path(), "")
	require.Equal(t, 404, a.last(t).Answer.Status)
	for _, path := range []string{"/openapi/v1/nothing", "/docs", "/openapi.yaml"} {
		a.send(t, "GET", path, "")
		require.Empty(t, a.last(t).OperationID)
		require.Nil(t, a.last(t).Members)
		require.Equal(t, path, a.last(t).Target)
	}
}

// The journal says what became of a body.
func TestJournalShowsBodies(t *testing.T) {
	a := start(t)
	path := people.First.Path()
	for _, c := range []struct{ sent, state, shown string }{
		{``, "none", ``},
		{`{}`, "json", `{}`},
		{` {"phone" : "1"} `, "json", ` {"phone" : "1"} `},
		{`{"phone":"1"`, "not_json", `{"phone":"1"`},
		{`{"phone":"1",}`, "not_json", `{"phone":"1",***`},
		{`{"phone":nope}`, "not_json", `{"phone":***`},
		{`{"phone":"1"}{"phone":"2"}`, "not_json", `{"phone":"1"}***`},
		{`{"phone":"1","phone":"2"}`, "json", `{"phone":"1","phone":"2"}`},
		{`{'phone':'1'}`, "not_json", `{***`},
		{`phone=1`, "not_json", `***`},
		{`[]`, "json", `"***"`},
		{`null`, "json", `null`},
		{`{"phone":"\ud800"}`, "not_json", `{"phone":"\ud800"}`},
		{"{\"phone\":\"1\xff\"}", "not_json", ""},
	} {
		a.send(t, "PUT", path, c.sent)
		last := a.last(t)
		require.Equal(t, c.state, last.BodyState, c.sent)
		require.Equal(t, c.shown, last.Body)
		require.Equal(t, len(c.sent), last.BodyBytes)
		require.Equal(t, c.state == "none" || c.state == "json", last.Members != nil)
	}
	raw, err := base64.StdEncoding.DecodeString(a.last(t).BodyBase64)
	require.NoError(t, err)
	require.Equal(t, "{\"phone\":\"1\xff\"}", string(raw))

	long := `{"phone":"` + strings.Repeat("1", contract.MaxBody) + `"}`
	require.Equal(t, 413, a.send(t, "PUT", path, long).Status)
	require.Equal(t, "too_long", a.last(t).BodyState)
	require.LessOrEqual(t, len(a.last(t).Body), contract.MaxBody)
	require.Equal(t, 401, a.send(t, "PUT", path, `{"phone":"1"}`, apitest.NoAuth).Status)
	require.Equal(t, "json", a.last(t).BodyState, "the body of a refused request, if it has arrived")

	for rest, want := range map[string]string{
		"Content-Length: 10\n\n":                          "not_read",
		"Transfer-Encoding: chunked\n\n2\n{}\n0\n\n":      "not_read", // the server does not read on, because it could not use the connection
		"Content-Length: 10\nAuthorization: TOKEN\n\n{\"": "incomplete",
	} {
		a.sendCut(t, "PUT "+path+" HTTP/1.1\nHost: x\nContent-Type: application/json\n"+rest)
		require.Equal(t, want, a.last(t).BodyState, rest)
	}
}

// sendCut sends bytes and closes its half of the connection, and waits for the answer.
func (a *api) sendCut(t *testing.T, text string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(a.URL, "http://"))
	require.NoError(t, err)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "TOKEN", a.Token), "\n", "\r\n")
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	_, err = io.Copy(io.Discard, conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// A request that is under way is in the journal already, without its body and its answer.
func TestJournalShowsRequestsUnderWay(t *testing.T) {
	hasher := apitest.NewHeldHasher()
	defer hasher.Release()
	a := startWith(t, apitest.Config{Hasher: hasher})
	answered := make(chan answer, 1)
	go func() {
		got, err := a.do(t.Context(), t, "PUT", people.First.Path(), `{"phone":"1","password":"a secret password"}`)
		if err != nil {
			t.Error(err)
		}
		answered <- got
	}()
	hasher.Wait()
	under := a.requests(t)[0]
	require.Equal(t, "under_way", under.State)
	require.Nil(t, under.Answer)
	require.Empty(t, under.Body)
	require.Equal(t, "updateUser", under.OperationID)
	require.Equal(t, []string{"Bearer ***"}, under.Header["Authorization"])
	hasher.Release()
	require.Equal(t, 200, (<-answered).Status)
	ended := a.requests(t)[0]
	require.Equal(t, "answered", ended.State)
	require.Equal(t, under.Number, ended.Number)
	require.Equal(t, under.Time, ended.Time)
	require.Equal(t, `{"phone":"1","password":"***"}`, ended.Body)
}

// The journal keeps the newest 1,000 requests. If it is emptied, the numbers go on.
func TestJournalKeepsTheNewest(t *testing.T) {
	a := start(t)
	for i := range mock.JournalSize + 1 {
		a.send(t, "GET", fmt.Sprintf("/healthz?%d=", i+1), "")
	}
	all := a.requests(t)
	require.Len(t, all, mock.JournalSize)
	for i, one := range all {
		require.EqualValues(t, i+2, one.Number)
		require.Equal(t, fmt.Sprintf("/healthz?%d=", i+2), one.Target)
	}
	require.Len(t, strings.Split(strings.TrimSpace(a.journal(t)), "\n"), mock.JournalSize+2, "each request has a line of its own")
	a.emptyJournal(t)
	a.send(t, "GET", "/healthz", "")
	require.EqualValues(t, mock.JournalSize+2, a.requests(t)[0].Number)
}

// Many clients send, and others read and empty the journal at the same time. Each request is listed once, and whole.
func TestJournalIsConcurrent(t *testing.T) {
	a := start(t)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 50 {
				_, err := a.do(t.Context(), t, "PUT", people.First.Path(), `{"phone":"1","password":"a secret password"}`, "Prefer: code=200")
				assert.NoError(t, err)
			}
		})
		clients.Go(func() {
			for i := range 20 {
				seen := map[int64]bool{}
				for _, one := range a.requests(t) {
					assert.False(t, seen[one.Number])
					seen[one.Number] = true
					if one.State == "answered" {
						assert.Equal(t, `{"phone":"1","password":"***"}`, one.Body)
						assert.Equal(t, 200, one.Answer.Status)
					}
				}
				if i == 10 {
					a.callOps(t, http.MethodDelete, 204)
				}
			}
		})
	}
	clients.Wait()
	a.emptyJournal(t)
}

// If a handler panics, the request is in the journal as one without an answer.
func TestJournalOfPanic(t *testing.T) {
	described, err := contract.Load()
	require.NoError(t, err)
	journal, ops := mock.NewJournal(described), http.NewServeMux()
	journal.Register(ops)
	handler := journal.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	})
	listed := httptest.NewRecorder()
	ops.ServeHTTP(listed, httptest.NewRequestWithContext(t.Context(), "GET", "/requests", nil))
	require.Equal(t, "dropped", parseJournal(t, listed.Body.String())[0].State)
}
