
package spec

import _ "embed"

// YAML is openapi.yaml, byte for byte.
//
//go:embed openapi.yaml
var YAML []byte

// JSON31 is openapi.yaml in OpenAPI 3.1.
//
//go:embed openapi-3.1.json
var JSON31 []byte

// ClientYAML is the configuration of oapi-codegen that gen/client is generated with.
//
//go:embed oapi-codegen.yaml
var ClientYAML []byte
