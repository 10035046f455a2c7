package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

func TestContractIsValid(t *testing.T) {
	require.NoError(t, apitest.Contract().Validate(t.Context(),
		openapi3.EnableSchemaFormatValidation(), openapi3.EnableSchemaPatternValidation(), openapi3.EnableExamplesValidation()))
	require.Equal(t, "/", apitest.Contract().Servers[0].URL)
	require.Len(t, apitest.Contract().Servers, 1)
	schemas := apitest.Contract().Components.Schemas
	twin, password := *schemas["UpdateUser"].Value.Properties["password"].Value, schemas["Password"].Value
	require.True(t, twin.WriteOnly)
	require.Equal(t, password.MinLength, twin.MinLength)
	require.Equal(t, *password.MaxLength, *twin.MaxLength)
	require.Equal(t, password.Pattern, twin.Pattern)
}

// Answers are as certain as they can be: their members are always there, and have bounds.
func TestAnswersAreDescribed(t *testing.T) {
	requests := map[string]bool{}
	eachOperation(t, func(_ *testing.T, _, _ string, op *openapi3.Operation) {
		if op.RequestBody != nil {
			requests[path.Base(op.RequestBody.Value.Content["application/json"].Schema.Ref)] = true
		}
	})
	for name, schema := range apitest.Contract().Components.Schemas {
		require.NotEmpty(t, schema.Value.Description, "%s needs a description", name)
		if requests[name] {
			continue
		}
		for member, property := range schema.Value.Properties {
			require.NotEmpty(t, property.Value.Description, "%s of %s needs a description", member, name)
			if name+"."+member != "Fault.parameter" {
				require.Contains(t, schema.Value.Required, member, "%s: every member is always there", name)
			}
			switch {
			case property.Value.Type.Is("string") && property.Value.Enum == nil:
				require.NotNil(t, property.Value.MaxLength, "%s of %s needs a maxLength", member, name)
			case property.Value.Type.Is("array"):
				require.NotNil(t, property.Value.MaxItems, "%s of %s needs maxItems", member, name)
			}
		}
	}
	eachOperation(t, func(t *testing.T, _, _ string, op *openapi3.Operation) {
		for status, answer := range op.Responses.Map() {
			require.NotEmpty(t, *answer.Value.Description, status)
			require.Contains(t, answer.Value.Headers, "X-Request-Id", status)
			for name, header := range answer.Value.Headers {
				require.NotEmpty(t, header.Value.Description, "%s: %s", status, name)
			}
			for mediaType, content := range answer.Value.Content {
				require.True(t, content.Example != nil || len(content.Examples) > 0, "%s: no example", status)
				require.Equal(t, status >= "400", mediaType == "application/problem+json", status)
			}
			require.Equal(t, status == "204" || status == "304", len(answer.Value.Content) == 0, status)
		}
	})
}

// Each operation is described, and names every error by its status.
func TestOperationsAreDescribed(t *testing.T) {
	ids := map[string]bool{}
	eachOperation(t, func(t *testing.T, _, path string, op *openapi3.Operation) {
		require.True(t, strings.HasPrefix(path, "/openapi/v1/"))
		require.NotEmpty(t, op.OperationID)
		require.False(t, ids[op.OperationID])
		ids[op.OperationID] = true
		require.Len(t, op.Tags, 1)
		require.NotEmpty(t, apitest.Contract().Tags.Get(op.Tags[0]).Description)
		require.NotEmpty(t, op.Summary)
		require.NotEmpty(t, op.Description)
		statuses := slices.Collect(maps.Keys(op.Responses.Map()))
		require.NotContains(t, statuses, "default")
		require.Subset(t, statuses, []string{"401", "429", "500", "503"})
		readsHeaders, readsQuery := false, false
		for _, p := range slices.Concat(op.Parameters, apitest.Contract().Paths.Value(path).Parameters) {
			readsHeaders = readsHeaders || p.Value.In == "header"
			readsQuery = readsQuery || p.Value.In == "query"
			require.NotEmpty(t, p.Value.Description)
			// The docs page fills the examples in: a condition is for those who mean it.
			require.Equal(t, p.Value.In != "header", p.Value.Example != nil, "the example of %s", p.Value.Name)
			requireBounds(t, p.Value.Name, p.Value.Schema.Value)
		}
		require.Equal(t, readsHeaders || op.RequestBody != nil, slices.Contains(statuses, "400"))
		require.Equal(t, readsQuery || op.RequestBody != nil, slices.Contains(statuses, "422"))
		require.Equal(t, op.RequestBody != nil, slices.Contains(statuses, "413"))
		require.Equal(t, op.RequestBody != nil, slices.Contains(statuses, "415"))
		require.Equal(t, op.OperationID == "createAuthToken", op.Security != nil, "one operation needs no token")
		require.Equal(t, op.Security != nil, strings.Contains(op.Description, "needs no token"))
		if op.RequestBody != nil {
			schema := op.RequestBody.Value.Content["application/json"].Schema.Value
			require.NotNil(t, schema.AdditionalProperties.Has, "a request schema is closed")
			require.False(t, *schema.AdditionalProperties.Has)
			for name, property := range schema.Properties {
				requireBounds(t, name, property.Value)
				require.NotNil(t, property.Value.Example, "%s needs an example", name)
			}
			require.NotEmpty(t, op.RequestBody.Value.Content["application/json"].Examples)
		}
	})
}

// requireBounds wants an end to all that a stranger can send.
func requireBounds(t *testing.T, name string, schema *openapi3.Schema) {
	t.Helper()
	switch {
	case schema.Type.Is("string"):
		require.NotNil(t, schema.MaxLength, "%s needs a maxLength", name)
	case schema.Type.Is("integer"):
		require.NotNil(t, schema.Min, "%s needs a minimum", name)
		require.NotNil(t, schema.Max, "%s needs a maximum", name)
	case schema.Type.Is("array"):
		require.NotNil(t, schema.MaxItems, "%s needs maxItems", name)
		requireBounds(t, name, schema.Items.Value)
	default:
		require.True(t, schema.Type.Is("boolean"), name)
	}
}

// Every operation refuses a request without a token or with a body that its schema refuses.
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
			if location := op.Responses.Status(status).Value.Headers["Location"]; location != nil && name == "active" { // Location has the example of this body
				require.Equal(t, location.Value.Example, answer.Header.Get("Location"))
			}
			if answers[name] == nil {
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
