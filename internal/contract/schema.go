package contract

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// Schema is a JSON Schema outside of openapi.yaml. It uses only the keywords that openapi.yaml uses, without
// references. It is safe for concurrent use.
type Schema struct{ schema *openapi3.Schema }

// ParseSchema reads a JSON Schema.
func ParseSchema(text []byte) (*Schema, error) {
	s := &Schema{schema: &openapi3.Schema{}}
	if err := s.schema.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("read a JSON Schema: %w", err)
	}
	return s, nil
}

// Check reads a JSON text as strictly as the body of a request, and checks it against the schema. It returns all
// faults, those of the JSON first, and what the text contains if it is JSON. An error is a fault of the program.
func (s *Schema) Check(text []byte) (value any, faults []Fault, err error) {
	faults = repeatedMembers(text)
	value, err = decode(text, jsontext.AllowDuplicateNames(len(faults) > 0))
	if violation, ok := errors.AsType[*Violation](err); ok {
		return nil, append(faults, violation.Faults...), nil
	}
	if err != nil {
		return nil, nil, err
	}
	found, err := findFaults(s.schema, value)
	return value, append(faults, found...), err
}

// repeatedMembers returns a fault for each member that an object names again. It stops where the text is no JSON.
func repeatedMembers(text []byte) (faults []Fault) {
	from, seen := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true)), map[jsontext.Pointer]int{}
	for {
		if _, err := from.ReadToken(); err != nil {
			return faults
		}
		if kind, length := from.StackIndex(from.StackDepth()); kind != '{' || length%2 == 0 {
			continue // not the name of a member
		}
		place := from.StackPointer()
		if seen[place]++; seen[place] == 2 {
			faults = append(faults, duplicateMember(place))
		}
	}
}
