package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/httpapi/apitest"
)

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
	require.Contains(t, log, `"address":"127.0.0.1","user_id":1,"problem":""}`)
	require.NotContains(t, log, "x=y")
}
