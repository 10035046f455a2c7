package httpapi

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"userapi/gen/api"
)

// What check would let pass unseen is refused when the server is put together.
func TestUncheckedContractIsRefused(t *testing.T) {
	for name, change := range map[string]func(spec *openapi3.T, op *openapi3.Operation){
		"security": func(spec *openapi3.T, op *openapi3.Operation) { op.Security = &spec.Security },
		"none":     func(spec *openapi3.T, _ *openapi3.Operation) { spec.Security = nil },
		"query": func(_ *openapi3.T, op *openapi3.Operation) {
			op.AddParameter(openapi3.NewQueryParameter("page").WithSchema(openapi3.NewFloat64Schema()))
		},
		"required": func(_ *openapi3.T, op *openapi3.Operation) { op.Parameters[0].Value.Required = true },
		"enum":     func(_ *openapi3.T, op *openapi3.Operation) { property(op, "phone").Enum = []any{"1"} },
		"array":    func(_ *openapi3.T, op *openapi3.Operation) { property(op, "phone").Items = &openapi3.SchemaRef{} },
		"no words": func(_ *openapi3.T, op *openapi3.Operation) { op.Parameters[0].Value.Schema.Value.Extensions = nil },
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

func property(op *openapi3.Operation, name string) *openapi3.Schema {
	return op.RequestBody.Value.Content["application/json"].Schema.Value.Properties[name].Value
}
