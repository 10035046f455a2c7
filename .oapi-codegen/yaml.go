
package spec

import _ "embed"

// YAML is openapi.yaml, byte for byte.
//
//go:embed openapi.yaml
var YAML []byte

// ClientYAML is the configuration of oapi-codegen that gen/client is generated with.
//
//go:embed oapi-codegen.yaml
var ClientYAML []byte
