package httpapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/contract"
	"userapi/internal/directory"
	"userapi/internal/httpapi"
)

// requestLine returns the attributes of the line that the log has for an answer.
func requestLine(t *testing.T, s *apitest.Server, answer apitest.Answer) (line map[string]any) {
	t.Helper()
	id := answer.Header.Get("X-Request-Id")
	require.NotEmpty(t, id)
	apitest.WaitFor(func() bool { return strings.Contains(s.Log.String(), id) }) // that of a refused log-in follows its answer
	require.NoError(t, json.Unmarshal([]byte(s.Log.LineWith(t, `"msg":"request","request_id":"`+id)), &line))
	return line
}

// The log has the trace-id of a traceparent that is valid, and nothing of any other.
func TestTraceIDIsLogged(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	valid := "00-" + id + "-" + parent + "-01"
	for _, traceparent := range []string{
		valid, "00-" + id + "-" + parent + "-00", "00-" + id + "-" + parent + "-ff",
		"01-" + id + "-" + parent + "-01", "cc-" + id + "-" + parent + "-01-what the future will be like", "fe-" + id + "-" + parent + "-01-",
	} {
		line := requestLine(t, s, s.Send(t, "GET", people.First.Path(), "", "Traceparent: "+traceparent))
		require.Equal(t, id, line["trace_id"], traceparent)
	}
	for _, headers := range [][]string{
		{},
		{"Traceparent: " + valid, "Traceparent: " + valid},
		{"Traceparent: x"},
		{"Traceparent: " + valid + "-"},
		{"Traceparent: " + valid + "-what"},
		{"Traceparent: " + valid[:54]},
		{"Traceparent: " + valid + "0"},
		{"Traceparent: ff" + valid[2:]},
		{"Traceparent: FE" + valid[2:]},
		{"Traceparent: 0x" + valid[2:]},
		{"Traceparent: 01" + valid[2:] + "."},
		{"Traceparent: " + strings.ToUpper(valid)},
		{"Traceparent: " + strings.Replace(valid, id, strings.Repeat("0", 32), 1)},
		{"Traceparent: " + strings.Replace(valid, parent, strings.Repeat("0", 16), 1)},
		{"Traceparent: " + strings.Replace(valid, "0af", "0ag", 1)},
		{"Traceparent: " + strings.Replace(valid, "b7a", "b-a", 1)},
		{"Traceparent: " + strings.Replace(valid, "-01", "-0g", 1)},
		{"Traceparent: " + strings.ReplaceAll(valid, "-", "_")},
		{"Traceparent: 00-" + id + "0-" + parent[1:] + "-01"},
	} {
		line := requestLine(t, s, s.Send(t, "GET", people.First.Path(), "", headers...))
		require.NotContains(t, line, "trace_id", headers)
	}
	require.NotContains(t, s.Log.String(), "future")
}

// The log has the X-Request-Id of a trusted proxy if it is short and has the usual characters. The answer has the server's own.
func TestRequestIDOfAProxyIsLogged(t *testing.T) {
	apitest.OneNode(t, "nginx gives the requests ids of its own")
	s := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	for _, id := range []string{"f00d-7", "A._-z" + strings.Repeat("0", 59)} {
		answer := s.Send(t, "GET", people.First.Path(), "", "X-Request-Id: "+id)
		require.Equal(t, id, requestLine(t, s, answer)["proxy_request_id"])
		require.NotContains(t, answer.Header.Values("X-Request-Id"), id)
		require.Len(t, answer.Header.Values("X-Request-Id"), 1)
	}
	for _, headers := range [][]string{
		{"X-Request-Id: canary " + "x"},
		{"X-Request-Id: canary\tx"},
		{"X-Request-Id: canary-é"},
		{"X-Request-Id: canary\xff"},
		{"X-Request-Id: canary" + strings.Repeat("x", 59)},
		{"X-Request-Id: canary=1"},
		{"X-Request-Id: canary", "X-Request-Id: canary"},
	} {
		require.NotContains(t, requestLine(t, s, s.Send(t, "GET", people.First.Path(), "", headers...)), "proxy_request_id", headers)
	}
	require.NotContains(t, s.Log.String(), "canary")
}

// Nobody but a trusted proxy can put an id into the log.
func TestRequestIDOfAStrangerIsNotLogged(t *testing.T) {
	apitest.OneNode(t, "with nginx in between, nginx is the proxy")
	for _, trusted := range [][]string{nil, {"192.0.2.0/24"}} {
		s := apitest.Start(t, apitest.Config{TrustedProxies: trusted})
		s.Send(t, "GET", people.First.Path(), "", "X-Request-Id: canary")
		require.NotContains(t, s.Log.String(), "proxy_request_id")
		require.NotContains(t, s.Log.String(), "canary")
	}
}

// The line of a refused log-in has the address, and the account that has the name, or 0. No other line has an account.
func TestRefusedLogInsAreLoggedWithTheirAccount(t *testing.T) {
	s := apitest.Start(t, apitest.Config{LogInLimit: 1})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	require.Equal(t, 200, s.Send(t, "PUT", bob.Path(), `{"is_active":false,"email":"bob@example.com"}`).Status)
	for _, c := range []struct {
		username string
		status   int
		account  directory.UserID
	}{
		{ada.Username(), 401, ada.ID},
		{ada.Username(), 429, ada.ID},
		{"bob@example.com", 401, bob.ID},
		{bob.Username(), 401, bob.ID}, // the limit of the other name is reached, which the answer hides
		{"default/nobody", 401, 0},
		{"default/nobody", 429, 0},
	} {
		line := requestLine(t, s, s.LogIn(t, c.username, "wrong"))
		require.EqualValues(t, c.status, line["status"], c.username)
		require.EqualValues(t, c.account, line["account_id"], c.username)
		require.Equal(t, "127.0.0.1", line["address"])
		require.Equal(t, "createAuthToken", line["operation"])
		require.EqualValues(t, 0, line["user_id"], "nobody has logged in")
	}
	for _, answer := range []apitest.Answer{
		s.LogIn(t, s.CreateUser(t, "eve").Username(), apitest.Password),
		s.Send(t, "GET", people.First.Path(), "", apitest.NoAuth),
		s.Send(t, "POST", "/openapi/v1/auth-token", `{}`),
	} {
		require.NotContains(t, requestLine(t, s, answer), "account_id")
	}
}

// heldLog is the output of a log that takes no lines until released.
type heldLog struct {
	apitest.Log
	released chan struct{}
	held     chan bool // whether a line has waited until then
}

func (l *heldLog) Write(line []byte) (int, error) {
	select {
	case <-l.released:
		l.held <- true
	case <-time.After(time.Minute):
		l.held <- false
	}
	return l.Log.Write(line)
}

// A refused log-in has its whole answer before its line is written. So the time does not tell what is in the line.
func TestRefusedLogInsAreAnsweredBeforeTheyAreLogged(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	described, err := contract.Load()
	require.NoError(t, err)
	log := &heldLog{released: make(chan struct{}), held: make(chan bool, 8)}
	handler, err := (&httpapi.Server{
		Contract: described, Directory: s.Service, Logger: slog.New(slog.NewJSONHandler(log, nil)),
		Metrics: prometheus.NewRegistry(), RequestTimeout: time.Hour,
	}).Handler()
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/openapi/v1/auth-token",
		strings.NewReader(`{"username":"default/admin","password":"wrong"}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	var problem struct{ Code string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
	require.NoError(t, response.Body.Close())
	require.Equal(t, "invalid_credentials", problem.Code)
	require.Positive(t, response.ContentLength, "the answer has its length, as others have")
	require.NotContains(t, log.String(), "account_id")
	close(log.released)
	require.True(t, <-log.held, "the line was written before the answer")
	apitest.WaitFor(func() bool { return strings.Contains(log.String(), `"account_id":1`) })
}
