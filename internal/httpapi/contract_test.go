package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Every operation refuses a request that has no token, and one whose body breaks the schema.
func TestEveryOperationIsGuarded(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		path = strings.ReplaceAll(path, "{user_id}", "1")
		if op.Security == nil {
			require.Equal(t, 401, s.Send(t, method, path, "{}", apitest.NoAuth).Status)
			require.Equal(t, 401, s.Send(t, method, path, "{}", "Authorization: Bearer x").Status)
		}
		if op.RequestBody != nil {
			require.Equal(t, 415, s.Send(t, method, path, strings.Repeat(" ", 1<<16+1), "Content-Type: text/plain").Status)
			require.Equal(t, 413, s.Send(t, method, path, strings.Repeat("{", 1<<16+1)).Status)
			require.Equal(t, 400, s.Send(t, method, path, "{").Status)
			require.Equal(t, 422, s.Send(t, method, path, `{"no such member":1}`).Status)
		}
		if method == "GET" {
			require.Equal(t, 200, s.Send(t, method, path+"?no_such=1&no_such=2", "").Status)
		}
		for _, p := range op.Parameters {
			switch p.Value.In {
			case "header":
				require.Equal(t, 400, s.Send(t, method, path, "", p.Value.Name+": x").Status)
				if op.RequestBody != nil {
					require.Equal(t, 400, s.Send(t, method, path, "[]", p.Value.Name+": x").Status)
				}
			case "query":
				twice := s.Send(t, method, path+"?"+p.Value.Name+"=1&"+p.Value.Name+"=1", "")
				require.Equal(t, 422, twice.Status)
				require.Equal(t, p.Value.Name, *twice.Problem(t).Errors[0].Parameter)
			}
		}
	})
}

// Each example of a request succeeds on a server of its own, together with the examples of
// the parameters, and its answer is the example of the answer.
func TestExamplesWork(t *testing.T) {
	examples := func(path, method string) openapi3.Examples {
		return apitest.Contract().Paths.Value(path).GetOperation(method).RequestBody.Value.Content["application/json"].Examples
	}
	body := func(t *testing.T, example *openapi3.ExampleRef) string {
		t.Helper()
		text, err := json.Marshal(example.Value.Value)
		require.NoError(t, err)
		return string(text)
	}
	// before prepares the server for an operation. All except createUser also have user 2.
	before := map[string]func(*testing.T, *apitest.Server){
		"listAdministrators": func(t *testing.T, s *apitest.Server) {
			require.Equal(t, 201, s.Send(t, "POST", "/openapi/v1/administrators", body(t, examples("/openapi/v1/administrators", "POST")["ada"])).Status)
		},
		"deleteAdministrator": func(t *testing.T, s *apitest.Server) {
			s.Appoint(t, apitest.Person{ID: 2, Enterprise: "default"})
			s.Appoint(t, s.CreateUser(t, "bob"))
		},
	}
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		status, answers := 204, openapi3.Examples(nil)
		for _, documented := range []int{200, 201} {
			if response := op.Responses.Status(documented); response != nil {
				status, answers = documented, response.Value.Content["application/json"].Examples
				require.NotEmpty(t, answers)
			}
		}
		sent := map[string]*openapi3.ExampleRef{}
		if op.RequestBody != nil {
			maps.Copy(sent, examples(path, method))
		} else if maps.Copy(sent, answers); len(sent) == 0 {
			sent["it"] = nil
		}
		for name, example := range sent {
			s := apitest.Start(t, apitest.Config{})
			if op.OperationID != "createUser" {
				created := examples("/openapi/v1/users", "POST")
				first := created["active"]
				if method == "GET" && created[name] != nil {
					first = created[name] // the user who is read is the one of the example with the same name
				}
				require.Equal(t, 201, s.Send(t, "POST", "/openapi/v1/users", body(t, first)).Status)
			}
			if prepare := before[op.OperationID]; prepare != nil {
				prepare(t, s)
			}
			content := ""
			if op.RequestBody != nil {
				content = body(t, example)
			}
			answer := s.Send(t, method, pathWithExamples(path, op), content)
			require.Equal(t, status, answer.Status, answer.Body)
			if location := op.Responses.Status(status).Value.Headers["Location"]; location != nil {
				require.Equal(t, location.Value.Examples[name].Value.Value, answer.Header.Get("Location"))
			}
			if status == 204 {
				continue
			}
			var got any
			require.NoError(t, json.Unmarshal([]byte(answer.Body), &got))
			want, err := json.Marshal(maskServerValues(answers[name].Value.Value))
			require.NoError(t, err)
			masked, err := json.Marshal(maskServerValues(got))
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(masked), name)
		}
	})
}

// pathWithExamples returns the path and the query with the examples of the parameters.
func pathWithExamples(path string, op *openapi3.Operation) string {
	query := url.Values{}
	for _, p := range op.Parameters {
		if p.Value.In == "query" {
			query.Set(p.Value.Name, fmt.Sprint(p.Value.Example))
		}
	}
	item := apitest.Contract().Paths.Value(path)
	for _, p := range item.Parameters {
		path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", fmt.Sprint(p.Value.Example))
	}
	return path + "?" + query.Encode()
}

// maskServerValues replaces the values that differ each time with their types.
func maskServerValues(value any) any {
	switch v := value.(type) {
	case []any:
		masked := make([]any, len(v))
		for i := range v {
			masked[i] = maskServerValues(v[i])
		}
		return masked
	case map[string]any:
		masked := map[string]any{}
		for member := range v {
			switch member {
			case "create_time", "client_ip", "time", "token", "expires_at", "request_id":
				masked[member] = fmt.Sprintf("%T", v[member])
			default:
				masked[member] = maskServerValues(v[member])
			}
		}
		return masked
	}
	return value
}
