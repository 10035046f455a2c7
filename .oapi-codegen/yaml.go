// Code generated from .oapi-codegen/yaml.go by make generate. DO NOT EDIT.

package api

import _ "embed"

// YAML is openapi.yaml, byte for byte.
//
//go:embed openapi.yaml
var YAML []byte
