package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"

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
// faults, those of the JSON first, and what the text contains if it is JSON: of members with the same name, the
// first one. An error is a fault of the program.
func (s *Schema) Check(text []byte) (value any, faults []Fault, err error) {
	rest, faults, err := dropRepeatedMembers(text)
	if err == nil {
		value, err = decode(rest)
	}
	if violation, ok := errors.AsType[*Violation](err); ok {
		return nil, append(faults, violation.Faults...), nil
	}
	if err != nil {
		return nil, nil, err
	}
	found, err := findFaults(s.schema, value)
	return value, append(faults, found...), err
}

// dropRepeatedMembers returns the text without the members that an object names again, and a fault for each of
// them. If there are any, and the text is no JSON otherwise, it fails with a [Violation].
func dropRepeatedMembers(text []byte) (rest []byte, faults []Fault, err error) {
	var kept bytes.Buffer
	from := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	to := jsontext.NewEncoder(&kept)
	seen := map[jsontext.Pointer]bool{}
	copyNext := func() error {
		token, err := from.ReadToken()
		if err != nil {
			return err
		}
		kind, length := from.StackIndex(from.StackDepth())
		isName, place := kind == '{' && length%2 == 1, from.StackPointer()
		if isName && seen[place] {
			faults = append(faults, duplicateMember(place))
			return from.SkipValue()
		}
		seen[place] = true
		return to.WriteToken(token)
	}
	for err == nil {
		err = copyNext()
	}
	switch {
	case len(faults) == 0:
		return text, nil, nil // decode says what is wrong, if anything is
	case errors.Is(err, io.EOF):
		return kept.Bytes(), faults, nil
	}
	return nil, faults, refusal(err)
}
