package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/httpapi/apitest"
)

// eachOperation calls do for every operation, by method and path.
func eachOperation(t *testing.T, do func(t *testing.T, method, path string, op *openapi3.Operation)) {
	t.Helper()
	for path, item := range apitest.Contract().Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(op.OperationID, func(t *testing.T) { do(t, method, path, op) })
		}
	}
}

func TestContractIsValid(t *testing.T) {
	require.NoError(t, apitest.Contract().Validate(t.Context(),
		openapi3.EnableSchemaFormatValidation(), openapi3.EnableSchemaPatternValidation(), openapi3.EnableExamplesValidation()))
	schemas := apitest.Contract().Components.Schemas
	twin, password := *schemas["UpdateUser"].Value.Properties["password"].Value, schemas["Password"].Value
	require.True(t, twin.WriteOnly)
	require.Equal(t, password.MinLength, twin.MinLength)
	require.Equal(t, *password.MaxLength, *twin.MaxLength)
	require.Equal(t, password.Pattern, twin.Pattern)
	for _, name := range []string{"UserInfo", "Problem", "Fault"} {
		for member, property := range schemas[name].Value.Properties {
			require.Contains(t, schemas[name].Value.Required, member, "every member is always there")
			if property.Value.Type.Is("string") && property.Value.Enum == nil && property.Value.Format != "date-time" {
				require.NotNil(t, property.Value.MaxLength, member)
			}
		}
	}
}

// Each operation is described, and names every error by its status.
func TestOperationsAreDescribed(t *testing.T) {
	ids := map[string]bool{}
	eachOperation(t, func(t *testing.T, _, path string, op *openapi3.Operation) {
		require.True(t, strings.HasPrefix(path, "/openapi/v1/"))
		require.NotEmpty(t, op.OperationID)
		require.False(t, ids[op.OperationID])
		ids[op.OperationID] = true
		require.NotEmpty(t, op.Tags)
		require.NotEmpty(t, op.Summary)
		require.NotEmpty(t, op.Description)
		statuses := slices.Collect(maps.Keys(op.Responses.Map()))
		require.NotContains(t, statuses, "default")
		require.Subset(t, statuses, []string{"400", "401", "500", "503"})
		if op.RequestBody != nil {
			require.Subset(t, statuses, []string{"413", "415", "422"})
			schema := op.RequestBody.Value.Content["application/json"].Schema.Value
			require.NotNil(t, schema.AdditionalProperties.Has, "a request schema is closed")
			require.False(t, *schema.AdditionalProperties.Has)
			for name, property := range schema.Properties {
				if property.Value.Type.Is("string") {
					require.NotNil(t, property.Value.MaxLength, name)
					require.NotNil(t, property.Value.Example, name)
				}
			}
			require.NotEmpty(t, op.RequestBody.Value.Content["application/json"].Examples)
		}
	})
}

// No operation answers without a token, and none passes a body that its schema refuses.
func TestEveryOperationIsGuarded(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		path = strings.ReplaceAll(path, "{user_id}", "1")
		require.Equal(t, 401, s.Send(t, method, path, "{}", "Authorization:").Status)
		require.Equal(t, 401, s.Send(t, method, path, "{}", "Authorization: Bearer x").Status)
		if op.RequestBody != nil {
			require.Equal(t, 415, s.Send(t, method, path, "{}", "Content-Type: text/plain").Status)
			require.Equal(t, 400, s.Send(t, method, path, "{").Status)
			require.Equal(t, 422, s.Send(t, method, path, `{"no such member":1}`).Status)
		}
	})
}

// Each example of a request, sent to a server of its own, is answered with success, and
// as the example of the answer says where there is one of the same name. What is read
// was created by the example of that name.
func TestExamplesWork(t *testing.T) {
	create := apitest.Contract().Paths.Value("/openapi/v1/users").Post.RequestBody.Value.Content["application/json"].Examples
	body := func(t *testing.T, example *openapi3.ExampleRef) string {
		t.Helper()
		text, err := json.Marshal(example.Value.Value)
		require.NoError(t, err)
		return string(text)
	}
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		var examples openapi3.Examples
		if op.RequestBody != nil {
			examples = op.RequestBody.Value.Content["application/json"].Examples
		} else {
			examples = op.Responses.Status(200).Value.Content["application/json"].Examples
		}
		require.NotEmpty(t, examples)
		for name, example := range examples {
			s := apitest.Start(t, apitest.Config{})
			var answer apitest.Answer
			switch {
			case op.RequestBody == nil:
				require.Equal(t, 201, s.Send(t, "POST", "/openapi/v1/users", body(t, create[name])).Status)
				answer = s.Send(t, method, strings.ReplaceAll(path, "{user_id}", "2"), "")
			case strings.Contains(path, "{user_id}"):
				s.CreateUser(t, "example")
				answer = s.Send(t, method, strings.ReplaceAll(path, "{user_id}", "2"), body(t, example))
			default:
				answer = s.Send(t, method, path, body(t, example))
			}
			require.Contains(t, []int{200, 201}, answer.Status, answer.Body)
			documented := op.Responses.Status(answer.Status).Value.Content["application/json"].Examples[name]
			if documented == nil {
				continue
			}
			want, got := documented.Value.Value.(map[string]any), map[string]any{}
			require.NoError(t, json.Unmarshal([]byte(answer.Body), &got))
			require.Len(t, got, len(want))
			for member, value := range want {
				switch member {
				case "create_time", "client_ip": // the server's own
				case "user_id":
					require.EqualValues(t, value, got[member])
				default:
					require.Equal(t, value, got[member], "%s: %s", name, member)
				}
			}
		}
	})
}

func TestProblemCodesAndExamplesAreOne(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	s.CreateUser(t, "bob")
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{"email":"ada@example.com"}`).Status)
	as := "Authorization: " + s.TokenOf(t, 2)
	documented := apitest.Contract().Components.Responses
	for name, answer := range map[string]apitest.Answer{
		"BadRequest":           s.Send(t, "PUT", "/openapi/v1/users/1", `{"phone":"1","phone":"2"}`),
		"Unauthorized":         s.Send(t, "GET", "/openapi/v1/users/1", "", "Authorization:"),
		"Forbidden":            s.Send(t, "PUT", "/openapi/v1/users/2", `{"enterprise_id":"x"}`, as),
		"Conflict":             s.Send(t, "PUT", "/openapi/v1/users/3", `{"email":"ada@example.com"}`),
		"NotFound":             s.Send(t, "GET", "/openapi/v1/users/9", ""),
		"PreconditionFailed":   s.Send(t, "PUT", "/openapi/v1/users/1", "", `If-Match: "9"`),
		"ContentTooLarge":      s.Send(t, "PUT", "/openapi/v1/users/1", strings.Repeat(" ", 1<<16+1)),
		"UnsupportedMediaType": s.Send(t, "PUT", "/openapi/v1/users/1", "{}", "Content-Type: text/plain"),
		"UnprocessableContent": s.Send(t, "PUT", "/openapi/v1/users/1", `{"is_actve":true,"password":"short"}`),
	} {
		want, err := json.Marshal(documented[name].Value.Content["application/problem+json"].Example)
		require.NoError(t, err)
		example := apitest.Answer{Body: string(want), Header: http.Header{"Content-Type": {"application/problem+json"}}}
		require.JSONEq(t, withoutID(t, example), withoutID(t, answer))
	}
}
