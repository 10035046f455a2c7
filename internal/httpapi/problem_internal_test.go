package httpapi

import (
	"log/slog"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"userapi/gen/api"
)

// Every code of the contract has its status and words, and every response that the
// contract shows has the words of its code.
func TestEveryProblemCodeIsDescribed(t *testing.T) {
	spec, err := api.GetSpec()
	require.NoError(t, err)
	codes := spec.Components.Schemas["ProblemCode"].Value
	require.Len(t, problems, len(codes.Enum))
	for _, code := range codes.Enum {
		described := problems[api.ProblemCode(code.(string))]
		require.NotEmpty(t, described.title, code)
		require.NotEmpty(t, described.detail, code)
		require.GreaterOrEqual(t, described.status, 400, code)
		require.Contains(t, codes.Description, "`"+code.(string)+"`")
	}
	for name, response := range spec.Components.Responses {
		example := response.Value.Content["application/problem+json"].Example.(map[string]any)
		described := problems[api.ProblemCode(example["code"].(string))]
		require.Equal(t, described.title, example["title"], name)
		require.Equal(t, described.detail, example["detail"], name)
		require.EqualValues(t, described.status, example["status"], name)
	}
	faults := spec.Components.Schemas["FaultCode"].Value
	for _, code := range faults.Enum {
		require.Contains(t, faults.Description, "`"+code.(string)+"`")
	}
}

// What check would let pass unseen is refused when the server is put together.
func TestUncheckedContractIsRefused(t *testing.T) {
	for name, change := range map[string]func(spec *openapi3.T, op *openapi3.Operation){
		"security": func(_ *openapi3.T, op *openapi3.Operation) { op.Security = openapi3.NewSecurityRequirements() },
		"none":     func(spec *openapi3.T, _ *openapi3.Operation) { spec.Security = nil },
		"query": func(_ *openapi3.T, op *openapi3.Operation) {
			op.AddParameter(openapi3.NewQueryParameter("page").WithSchema(openapi3.NewIntegerSchema()))
		},
		"no example": func(_ *openapi3.T, op *openapi3.Operation) { op.Parameters[0].Value.Example = nil },
		"form": func(_ *openapi3.T, op *openapi3.Operation) {
			op.RequestBody.Value.Content = openapi3.NewContentWithFormDataSchema(openapi3.NewObjectSchema())
		},
	} {
		spec, err := api.GetSpec()
		require.NoError(t, err)
		item := spec.Paths.Value("/openapi/v1/users/{user_id}")
		_, err = newOperation(spec, item, item.Put)
		require.NoError(t, err)
		change(spec, item.Put)
		_, err = newOperation(spec, item, item.Put)
		require.Error(t, err, name)
	}
	contract, err := newContract()
	require.NoError(t, err)
	require.ErrorContains(t, contract.covers(nil), "has no route")
	require.ErrorContains(t, contract.covers([]*echo.Route{{Method: "GET", Path: "/x"}}), "is not in the contract")
}

// A stranger holds nothing open for ever.
func TestServerHasLimits(t *testing.T) {
	server := NewHTTPServer(nil, slog.New(slog.DiscardHandler))
	require.Positive(t, server.MaxHeaderBytes)
	for _, limit := range []time.Duration{server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout} {
		require.Positive(t, limit)
	}
}
