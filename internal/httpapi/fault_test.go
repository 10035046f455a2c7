package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/httpapi/apitest"
	"userapi/internal/password"
)

// panickingHasher fails as badly as code can.
type panickingHasher struct{}

// Hash implements directory.Hasher.
func (panickingHasher) Hash(_ context.Context, password string) (string, error) { panic(password) }

func TestPanicIsAnInternalError(t *testing.T) {
	s := apitest.Start(t, apitest.Config{Hasher: panickingHasher{}})
	answer := s.Send(t, "POST", "/openapi/v1/users", `{"nick_name":"bob","password":"canary-canary","enterprise_id":"default"}`)
	require.Equal(t, 500, answer.Status)
	require.Equal(t, "internal_error", string(answer.Problem(t).Code))
	log := s.Log.String()
	require.Contains(t, log, "panic: string")
	require.Contains(t, log, "fault_test.go", "the stack")
	require.Contains(t, log, answer.Problem(t).RequestID)
	require.NotContains(t, log, "canary")
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/1", "").Status)
}

func TestBrokenDatabaseIsAnInternalError(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	apitest.Exec(t, s.SQL(t), `ALTER TABLE users RENAME TO gone`)
	for _, method := range []string{"GET", "PUT"} {
		answer := s.Send(t, method, "/openapi/v1/users/1", "")
		require.Equal(t, 500, answer.Status)
		require.NotContains(t, answer.Body, "table")
	}
	require.Contains(t, s.Log.String(), "no such table")
}

// Another process that writes for longer than the server waits makes it busy, not broken.
func TestBusyDatabaseIsUnavailable(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	db := s.SQL(t)
	apitest.Exec(t, db, `BEGIN IMMEDIATE`)
	answer := s.Send(t, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`)
	require.Equal(t, 503, answer.Status)
	require.Equal(t, "1", answer.Header.Get("Retry-After"))
	require.Equal(t, "unavailable", string(answer.Problem(t).Code))
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/2", "").Status, "reading goes on")
	apitest.Exec(t, db, `COMMIT`)
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`).Status)
}

// Who waits in vain to hash is told so before the connection would be cut.
func TestRequestTimeout(t *testing.T) {
	full := password.NewGate(password.Params(), 0)
	s := apitest.Start(t, apitest.Config{Hasher: full, RequestTimeout: 20 * time.Millisecond})
	answer := s.Send(t, "POST", "/openapi/v1/users", newUser+`}`)
	require.Equal(t, 503, answer.Status)
	require.Equal(t, "1", answer.Header.Get("Retry-After"))
	require.Equal(t, "1", apitest.Value(t, s.SQL(t), `SELECT count(*) FROM users`))
}

// A client that leaves before its unit begins changes nothing, and is no failure of ours.
func TestClientThatLeaves(t *testing.T) {
	held := newHeldHasher()
	s := apitest.Start(t, apitest.Config{Hasher: held})
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/openapi/v1/users", strings.NewReader(newUser+`}`))
	require.NoError(t, err)
	request.Header.Set("Authorization", s.Token)
	request.Header.Set("Content-Type", "application/json")
	left := make(chan error)
	go func() {
		response, err := http.DefaultTransport.RoundTrip(request)
		if err == nil {
			err = response.Body.Close()
		}
		left <- err
	}()
	held.wait(t)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	<-held.abandoned
	close(held.release)
	require.Eventually(t, func() bool { return strings.Contains(s.Log.String(), `"status":499`) }, time.Minute, time.Millisecond)
	require.NotContains(t, s.Log.String(), "request failed")
	require.Equal(t, "1", apitest.Value(t, s.SQL(t), `SELECT count(*) FROM users`))
}

// A refusal does not wait for a body that it does not need.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for head, status := range map[string]int{
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 9":                                                           401,
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nTransfer-Encoding: chunked":                                                  401,
		"PUT /nowhere HTTP/1.1\nHost: x\nContent-Length: 9":                                                                      404,
		"PATCH /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 9":                                                         405,
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: TOKEN\nContent-Length: 9":                                     415,
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: TOKEN\nContent-Type: application/json\nContent-Length: 99999": 413,
		"GET /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: TOKEN\nContent-Length: 9":                                     200,
	} {
		answer := s.SendRaw(t, head, "")
		require.Equal(t, status, answer.Status)
		require.Equal(t, "close", answer.Header.Get("Connection"), head)
	}
	require.Empty(t, s.Send(t, "PUT", "/openapi/v1/users/1", "{}").Header.Get("Connection"))
	require.Empty(t, s.Send(t, "PUT", "/openapi/v1/users/1", "[]").Header.Get("Connection"))
}

// Secrets stand in no answer, log, metric or file, wherever they are sent; other values
// in no error, log or metric.
func TestNothingLeaks(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	const secret, value = "canary-secret-1234", "canary-value-1234"
	var answers strings.Builder
	send := func(method, path, body string, headers ...string) {
		fmt.Fprintf(&answers, "%+v\n", s.Send(t, method, path, body, headers...))
	}
	send("POST", "/openapi/v1/users", `{"nick_name":"bob","password":"`+secret+`","enterprise_id":"default"}`)
	for _, body := range []string{
		`{"password":"` + secret + `"}`, `{"password":"` + secret + `","is_active":1}`, `{"password":["` + secret + `"]}`,
		`{"password":"` + secret + `\u0000"}`, `{"password":"` + secret + `"`, `{"password":"` + secret + strings.Repeat("x", 128) + `"}`,
		`{"email":"` + secret + `"}`, `{"phone":"` + value + strings.Repeat("x", 32) + `"}`, `{"is_active":"` + value + `"}`,
		`{"enterprise_id":"` + value + ` "}`, `"` + value + `"`, `{"a":"` + value + `"}`,
	} {
		send("PUT", "/openapi/v1/users/2", body)
		send("PUT", "/openapi/v1/users/2?password="+secret, body, `If-Match: "`+value+`"`)
		send("PUT", "/openapi/v1/users/"+secret, body)
		send("POST", "/openapi/v1/users?token="+secret, body)
		send("PUT", "/openapi/v1/users/2", body, "Authorization: Bearer "+secret)
		send("PUT", "/openapi/v1/users/2", body, "Authorization: "+secret, "X-Request-Id: "+secret)
		send("PUT", "/openapi/v1/users/2", "{}", "If-Match: "+secret)
		send("GET", "/openapi/v1/users/2", "", "If-None-Match: "+value, "Accept: "+value)
		send("PUT", "/openapi/v1/users/2", body, "Content-Type: "+value)
		send("PUT", "/openapi/v1/users/2", body, "Content-Encoding: "+value, "X-Forwarded-For: "+value)
		send("PUT", "/"+secret, body)
		send("CANARY-SECRET-1234", "/openapi/v1/users/2", body)
	}
	fmt.Fprintln(&answers, s.SendRaw(t, "GET /healthz HTTP/1.1\nHost: "+secret, ""))
	for name, text := range map[string]string{"answers": answers.String(), "log": s.Log.String(), "metrics": s.Metrics(t)} {
		require.NotEmpty(t, text, name)
		require.NotContains(t, strings.ToLower(text), secret, name)
		require.NotContains(t, strings.ToLower(text), value, name)
		require.NotContains(t, text, s.Token, name)
	}
	require.Contains(t, s.Metrics(t), `http_requests_total{code="422"`)
	for _, file := range []string{"", "-wal"} {
		requireFileLacks(t, s.Database+file, secret, s.Token)
	}
}

// Every request has a line with its id, its route and who asked; never its path.
func TestLogLine(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	forged := strings.Repeat("A", 26)
	answer := s.Send(t, "GET", "/openapi/v1/users/1?x=y", "", "X-Request-Id: "+forged)
	require.NotEqual(t, forged, answer.Header.Get("X-Request-Id"))
	log := s.Log.String()
	require.Contains(t, log, `"request_id":"`+answer.Header.Get("X-Request-Id")+`","method":"GET","route":"/openapi/v1/users/:user_id","status":200,`)
	require.Contains(t, log, `"address":"127.0.0.1","user_id":1}`)
	require.NotContains(t, log, "x=y")
}

// The audit has one row for a change, in the words of the contract, without values.
func TestAudit(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	changed := s.Send(t, "PUT", "/openapi/v1/users/2", `{"enterprise_id":"other","phone":"1","is_active":null}`)
	require.Equal(t, 200, changed.Status)
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{}`).Status)
	require.Equal(t, 422, s.Send(t, "PUT", "/openapi/v1/users/2", `[]`).Status)
	require.Equal(t, 412, s.Send(t, "PUT", "/openapi/v1/users/2", `{"phone":"2"}`, `If-Match: "1"`).Status)
	s.TokenOf(t, 2)
	require.NoError(t, s.Service.RevokeToken(t.Context(), tokenID(t, s, 2)))
	db := s.SQL(t)
	row := `SELECT concat_ws('|', coalesce(actor_id, '-'), token_name, target_id, enterprise_id, operation, fields, request_id)
		FROM events ORDER BY id LIMIT 1 OFFSET ?`
	require.Equal(t, "-||1|default|createUser|nick_name,enterprise_id,is_active|", apitest.Value(t, db, row, 0))
	require.Regexp(t, `^1\|first start\|2\|default\|createUser\|nick_name,password,enterprise_id,is_active\|[A-Z2-7]{26}$`, apitest.Value(t, db, row, 1))
	require.Equal(t, "1|first start|2|default|updateUser|enterprise_id,phone,is_active|"+changed.Header.Get("X-Request-Id"), apitest.Value(t, db, row, 2))
	require.Equal(t, "-||2|other|createToken||", apitest.Value(t, db, row, 3))
	require.Equal(t, "-||2|other|revokeToken||", apitest.Value(t, db, row, 4))
	require.Equal(t, "5", apitest.Value(t, db, `SELECT count(*) FROM events`))
	require.Equal(t, "5", apitest.Value(t, db, `SELECT count(*) FROM events WHERE at / 1000000 BETWEEN unixepoch() - 60 AND unixepoch()`))

	full := s.Send(t, "POST", "/openapi/v1/users", newUser+`,"email":"bob@example.com","phone":"1","is_active":false,"origion":"x"}`)
	require.Equal(t, 201, full.Status)
	require.Contains(t, apitest.Value(t, db, row, 5), "|createUser|nick_name,password,enterprise_id,email,phone,is_active,origion|")
}
