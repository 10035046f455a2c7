package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// No password or token of a request, right or wrong, appears in an answer, the log, the metrics
// or the database's files. No other value of a request appears in an error, the log or the metrics.
func TestNothingLeaks(t *testing.T) {
	apitest.OneNode(t, "nginx answers 400 itself to some of these requests")
	const secret, value = "canary-secret-1234", "canary-value-1234"
	operator := "operator-" + secret + "-of-32-characters"
	s := apitest.Start(t, apitest.Config{LogInLimit: 100})
	_, err := s.Service.Start(t.Context(), operator, nil)
	require.NoError(t, err)
	made := s.Token
	s.Token = operator
	var all, errors strings.Builder
	succeeded := map[string]bool{}
	var op string
	send := func(method, path, body string, headers ...string) apitest.Answer {
		answer := s.Send(t, method, path, body, headers...)
		fmt.Fprintf(&all, "%+v\n", answer)
		if answer.Status >= 400 {
			fmt.Fprintf(&errors, "%+v\n", answer)
		} else {
			succeeded[op] = true
		}
		return answer
	}
	user := ""
	// prepare creates the target of the requests. Its password is the secret.
	prepare := func() {
		created := s.Send(t, "POST", "/openapi/v1/users", `{"nick_name":"`+value+`","password":"`+secret+`","enterprise_id":"default"}`)
		if created.Status == 201 {
			user = strings.TrimPrefix(created.Header.Get("Location"), "/openapi/v1/users/")
		}
		s.Send(t, "PUT", "/openapi/v1/users/"+user, `{"password":"`+secret+`","is_active":true,"enterprise_id":"default"}`)
		s.Send(t, "POST", "/openapi/v1/administrators", `{"user_id":"`+user+`","eid":"default"}`)
	}
	s.Appoint(t, s.CreateUser(t, "other"))
	eachOperation(t, func(_ *testing.T, method, path string, described *openapi3.Operation) {
		op = described.OperationID
		prepare()
		for i, body := range canaryBodies(described, user, secret, value) {
			path := strings.ReplaceAll(path, "{user_id}", user)
			for _, token := range []string{operator, "Bearer " + operator, operator + "x", secret, "Basic " + secret} {
				send(method, path, body, apitest.Auth(token), "X-Request-Id: "+secret, "Cookie: token="+secret)
			}
			send(strings.ToUpper(secret), path, body)
			if i > 2 {
				continue
			}
			for _, name := range []string{"If-Match", "If-None-Match", "Content-Type", "Content-Encoding", "X-Forwarded-For", "Accept", "Prefer"} {
				send(method, path, body, name+": "+secret)
				send(method, path, body, name+`: "`+value+`"`)
			}
			for _, name := range []string{"query", "page", "page_size", "eid", "password", "access_token"} {
				send(method, path+"?"+name+"="+secret, body)
				send(method, path+"?"+name+"="+value+"%00", body)
			}
			send(method, strings.ReplaceAll(path, "/"+user, "/"+secret), body)
			send(method, path+"/"+secret, body)
		}
	})
	fmt.Fprintln(&all, s.SendRaw(t, "GET /healthz HTTP/1.1\nHost: "+secret, ""))
	op = string(directory.OperationDeleteAuthToken)
	send("DELETE", "/openapi/v1/auth-token", "", apitest.Auth(s.CreateToken(t, people.First)))
	eachOperation(t, func(t *testing.T, _, _ string, described *openapi3.Operation) {
		require.True(t, succeeded[described.OperationID], "%s must succeed once", described.OperationID)
	})
	for name, text := range map[string]string{"answers": all.String(), "log": s.Log.String(), "metrics": s.Metrics(t)} {
		require.NotEmpty(t, text, name)
		require.NotContains(t, strings.ToLower(text), secret, name)
		require.NotContains(t, text, made, name)
	}
	for name, text := range map[string]string{"errors": errors.String(), "log": s.Log.String(), "metrics": s.Metrics(t)} {
		require.NotContains(t, strings.ToLower(text), value, name)
	}
	require.Contains(t, all.String(), value, "the value is readable in answers")
	require.Contains(t, s.Metrics(t), `http_requests_total{code="invalid_request",operation="updateUser",status="422"`)
	contents := s.DB.Contents(t)
	for _, text := range []string{secret, made} {
		require.False(t, strings.Contains(contents, text), "the database holds %s", text)
	}
}

// canaryBodies returns bodies for an operation. The first one is valid: its passwords are
// the secret, and its other strings the value. The others are broken with one of the two.
func canaryBodies(op *openapi3.Operation, user, secret, value string) []string {
	if op.RequestBody == nil {
		return []string{"", secret}
	}
	schema := op.RequestBody.Value.Content["application/json"].Schema.Value
	good := map[string]any{}
	for name, member := range schema.Properties {
		switch {
		case strings.HasPrefix(name, "password"):
			good[name] = secret
		case name == "nick_name":
			good[name] = value + "-2"
		case name == "email":
			good[name] = value + "@example.com"
		case name == "username":
			good[name] = "default/" + value
		case name == "eid", name == "enterprise_id":
			good[name] = "default"
		case name == "user_id" && member.Value.Type.Is("integer"):
			good[name] = json.Number(user)
		case name == "user_id":
			good[name] = user
		case member.Value.Type.Is("boolean"):
			good[name] = member.Value.Example
		default:
			good[name] = value
		}
	}
	var bodies []string
	add := func(name string, replacement any) {
		body := maps.Clone(good)
		if body[name] = replacement; replacement == nil {
			delete(body, name)
		}
		text, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		bodies = append(bodies, string(text))
	}
	add("", nil)
	for name := range schema.Properties {
		canary := value
		if strings.HasPrefix(name, "password") {
			canary = secret
		}
		for _, broken := range []any{
			nil, canary + "\x00", canary + strings.Repeat("x", 300), []any{canary}, map[string]any{canary: canary}, canary + "@", canary + " /",
		} {
			add(name, broken)
		}
	}
	add("x", value)
	whole := bodies[0]
	return append(bodies, whole[:len(whole)-1], whole+whole, `"`+secret+`"`, `["`+secret+`"]`, secret)
}

// The log has a line for every request with its id, its route and its user, but not its path.
func TestLogLine(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	forged := strings.Repeat("A", 26)
	answer := s.Send(t, "GET", people.First.Path()+"?x=y", "", "X-Request-Id: "+forged)
	require.NotEqual(t, forged, answer.Header.Get("X-Request-Id"))
	log := s.Log.String()
	require.Contains(t, log, `"request_id":"`+answer.Header.Get("X-Request-Id")+`","method":"GET","operation":"getUser","route":"/openapi/v1/users/{user_id}","status":200,"duration_ms":`)
	require.Regexp(t, `"address":"127.0.0.1","user_id":1[,}]`, log)
	ada := s.CreateUser(t, "ada")
	entered := s.LogIn(t, ada.Username(), apitest.Password)
	require.Regexp(t, `"user_id":2[,}]`, s.Log.LineWith(t, entered.Header.Get("X-Request-Id")), "the line of a log-in has the user")
	require.NotContains(t, s.Log.String(), "x=y")
}
