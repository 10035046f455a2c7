package contract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/gen/spec"
)

// If a contract contains something that no check covers, it does not load.
func TestUncheckableOperationDoesNotLoad(t *testing.T) {
	for name, change := range map[string]func(document *openapi3.T, op *openapi3.Operation){
		"security": func(document *openapi3.T, op *openapi3.Operation) { op.Security = &document.Security },
		"none":     func(document *openapi3.T, _ *openapi3.Operation) { document.Security = nil },
		"query": func(_ *openapi3.T, op *openapi3.Operation) {
			op.AddParameter(openapi3.NewQueryParameter("page").WithSchema(openapi3.NewFloat64Schema()))
		},
		"required": func(_ *openapi3.T, op *openapi3.Operation) { op.Parameters[0].Value.Required = true },
		"enum":     func(_ *openapi3.T, op *openapi3.Operation) { bodyMember(op, "phone").Enum = []any{"1"} },
		"array":    func(_ *openapi3.T, op *openapi3.Operation) { bodyMember(op, "phone").Items = &openapi3.SchemaRef{} },
		"no words": func(_ *openapi3.T, op *openapi3.Operation) { op.Parameters[0].Value.Schema.Value.Extensions = nil },
		"form": func(_ *openapi3.T, op *openapi3.Operation) {
			op.RequestBody.Value.Content = openapi3.NewContentWithFormDataSchema(openapi3.NewObjectSchema())
		},
	} {
		document, err := spec.GetSpec()
		require.NoError(t, err)
		item := document.Paths.Value("/openapi/v1/users/{user_id}")
		_, err = newOperation(document, item, item.Put)
		require.NoError(t, err)
		change(document, item.Put)
		_, err = newOperation(document, item, item.Put)
		require.Error(t, err, name)
	}
}

func bodyMember(op *openapi3.Operation, name string) *openapi3.Schema {
	return op.RequestBody.Value.Content["application/json"].Schema.Value.Properties[name].Value
}

// Only unreserved characters are the same if they are percent-encoded (RFC 3986 §2.3).
func TestNormalPath(t *testing.T) {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	for b := range 256 {
		for _, format := range []string{"/a%%%02Xb", "/a%%%02xb"} {
			escaped := fmt.Sprintf(format, b)
			want := escaped
			if strings.IndexByte(unreserved, byte(b)) >= 0 {
				want = "/a" + string(rune(b)) + "b"
			}
			require.Equal(t, want, NormalPath(escaped))
		}
	}
}
