package contract_test

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/contract"
)

// document returns the parsed contract.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	c, err := contract.Load()
	require.NoError(t, err)
	return c.Document()
}

// eachOperation runs a subtest for every operation.
func eachOperation(t *testing.T, check func(t *testing.T, method, path string, op *openapi3.Operation)) {
	t.Helper()
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(op.OperationID, func(t *testing.T) { check(t, method, path, op) })
		}
	}
}

func TestContractIsValid(t *testing.T) {
	require.NoError(t, document(t).Validate(t.Context(),
		openapi3.EnableSchemaFormatValidation(), openapi3.EnableSchemaPatternValidation(), openapi3.EnableExamplesValidation()))
	require.Equal(t, "/", document(t).Servers[0].URL)
	require.Len(t, document(t).Servers, 1)
	schemas := document(t).Components.Schemas
	twin, password := *schemas["UpdateUser"].Value.Properties["password"].Value, schemas["Password"].Value
	require.True(t, twin.WriteOnly)
	require.Equal(t, password.MinLength, twin.MinLength)
	require.Equal(t, *password.MaxLength, *twin.MaxLength)
	require.Equal(t, password.Pattern, twin.Pattern)
}

// Every time in an example looks like the times in answers.
func TestTimesHaveOneLength(t *testing.T) {
	text, err := os.ReadFile("../../openapi.yaml")
	require.NoError(t, err)
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[^\s'\x60]*`).FindAllString(string(text), -1)
	require.NotEmpty(t, times)
	for _, at := range times {
		require.Regexp(t, `T\d\d:\d\d:\d\d\.\d{6}Z$`, at)
	}
	for name, schema := range document(t).Components.Schemas {
		for member, property := range schema.Value.Properties {
			if property.Value.Format == "date-time" {
				require.Contains(t, property.Value.Description, "always 27 characters", "%s of %s", member, name)
			}
		}
	}
}

// Clients can rely on answers: their members are always present, and strings and lists have bounds.
func TestAnswersAreDescribed(t *testing.T) {
	requests := map[string]bool{}
	eachOperation(t, func(_ *testing.T, _, _ string, op *openapi3.Operation) {
		if op.RequestBody != nil {
			requests[path.Base(op.RequestBody.Value.Content["application/json"].Schema.Ref)] = true
		}
	})
	for name, schema := range document(t).Components.Schemas {
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
			case property.Value.Type.Is("string") && property.Value.Enum == nil && property.Value.Format != "date-time":
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
		require.NotEmpty(t, document(t).Tags.Get(op.Tags[0]).Description)
		require.NotEmpty(t, op.Summary)
		require.NotEmpty(t, op.Description)
		statuses := slices.Collect(maps.Keys(op.Responses.Map()))
		require.NotContains(t, statuses, "default")
		require.Subset(t, statuses, []string{"401", "429", "500", "503"})
		readsHeaders, readsQuery := false, false
		for _, p := range slices.Concat(op.Parameters, document(t).Paths.Value(path).Parameters) {
			readsHeaders = readsHeaders || p.Value.In == "header"
			readsQuery = readsQuery || p.Value.In == "query"
			require.NotEmpty(t, p.Value.Description)
			// The docs page fills examples in. A header has none, because nobody should send a condition by accident.
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

// requireBounds requires bounds on the length or the size of every value that a client can send.
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

// The codes in the package are the codes of the contract.
func TestCodesAreTheContracts(t *testing.T) {
	schemas := document(t).Components.Schemas
	for _, code := range []contract.Code{
		contract.CodeMalformedJSON, contract.CodeMalformedHeader, contract.CodeUnsupportedMediaType, contract.CodeInvalidRequest,
	} {
		require.Contains(t, schemas["ProblemCode"].Value.Enum, string(code))
	}
	for _, code := range []contract.FaultCode{
		contract.FaultSyntax, contract.FaultDuplicateMember, contract.FaultUnknownMember, contract.FaultRequired, contract.FaultType,
		contract.FaultNotNull, contract.FaultMinLength, contract.FaultMaxLength, contract.FaultMinimum, contract.FaultMaximum,
		contract.FaultPattern, contract.FaultFormat, contract.FaultRepeated,
	} {
		require.Contains(t, schemas["FaultCode"].Value.Enum, string(code))
	}
}

// A released contract is a valid document with the version that its file is named after.
func TestReleasedContractsAreValid(t *testing.T) {
	files, err := filepath.Glob("testdata/released/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		released, err := openapi3.NewLoader().LoadFromData(content)
		require.NoError(t, err, file)
		require.NoError(t, released.Validate(t.Context()), file)
		require.Equal(t, released.Info.Version+".yaml", filepath.Base(file))
	}
}

// A value without a request is checked like a member of a request.
func TestCheckValue(t *testing.T) {
	c, err := contract.Load()
	require.NoError(t, err)
	require.Equal(t, document(t).Info.Version, c.Version())
	faults, err := c.CheckValue("Password", "correct horse")
	require.NoError(t, err)
	require.Empty(t, faults)
	faults, err = c.CheckValue("Password", "short")
	require.NoError(t, err)
	require.Equal(t, []contract.Fault{{
		Code: contract.FaultMinLength, Detail: "Send 8 or more characters.", Expected: "8 or more characters",
	}}, faults)
	faults, err = c.CheckValue("CreateUser", map[string]any{"nick_name": "ada", "x": 1})
	require.NoError(t, err)
	require.Len(t, faults, 3, "an unknown member and two missing ones")
	_, err = c.CheckValue("NoSuchSchema", "x")
	require.Error(t, err)
}
