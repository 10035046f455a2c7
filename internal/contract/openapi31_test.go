package contract_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"userapi/gen/spec"
)

type object = map[string]any

// rules31 are the ways in which a schema in OpenAPI 3.1 is written differently than in 3.0. Each
// of them rewrites a schema in place, and reports whether it had to.
var rules31 = map[string]func(schema object) bool{
	"null is a type": func(schema object) bool {
		if schema["nullable"] != true {
			return false
		}
		schema["type"] = []any{schema["type"], "null"}
		delete(schema, "nullable")
		return true
	},
	"examples are a list": func(schema object) bool {
		example, ok := schema["example"]
		if ok {
			schema["examples"] = []any{example}
			delete(schema, "example")
		}
		return ok
	},
}

// The contract in OpenAPI 3.1 differs from the contract only by the version and the rules above.
func TestOpenAPI31SaysTheSame(t *testing.T) {
	var before, after object
	require.NoError(t, yaml.Unmarshal(spec.YAML, &before))
	require.NoError(t, yaml.Unmarshal(spec.JSON31, &after)) // JSON is YAML

	before["openapi"] = "3.1.0"
	used := map[string]bool{}
	for _, schema := range schemasOfDocument(before) {
		for name, rule := range rules31 {
			used[name] = rule(schema) || used[name]
		}
	}
	for name := range rules31 {
		require.True(t, used[name], "no schema needs the rule %q: remove it", name)
	}
	requireSame(t, "", before, after)
}

// schemasOfDocument returns each schema below a node of a document. Examples are left alone.
func schemasOfDocument(node any) (schemas []object) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			schemas = append(schemas, schemasOfDocument(child)...)
		}
	case object:
		for key, child := range node {
			switch key {
			case "schema":
				schemas = append(schemas, withSchemasBelow(child)...)
			case "schemas":
				for _, schema := range child.(object) {
					schemas = append(schemas, withSchemasBelow(schema)...)
				}
			case "example", "examples":
			default:
				schemas = append(schemas, schemasOfDocument(child)...)
			}
		}
	}
	return schemas
}

// withSchemasBelow returns a schema and each schema in it.
func withSchemasBelow(node any) []object {
	schema, ok := node.(object)
	if !ok { // additionalProperties can be a boolean
		return nil
	}
	below := []any{schema["items"], schema["additionalProperties"], schema["not"]}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := schema[key].([]any)
		below = append(below, list...)
	}
	properties, _ := schema["properties"].(object)
	below = slices.AppendSeq(below, maps.Values(properties))
	schemas := []object{schema}
	for _, child := range below {
		schemas = append(schemas, withSchemasBelow(child)...)
	}
	return schemas
}

// requireSame fails at the first difference and names its place. It spares the reader two whole documents.
func requireSame(t *testing.T, place string, before, after any) {
	t.Helper()
	b, isObject := before.(object)
	a, areObjects := after.(object)
	if !isObject || !areObjects {
		require.Equal(t, before, after, "%s: run 'make generate' with npm. If that does not help, no rule explains the difference", place)
		return
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(b)), slices.Collect(maps.Keys(a)), "%s has other members", place)
	for key := range b {
		requireSame(t, place+"/"+key, b[key], a[key])
	}
}
