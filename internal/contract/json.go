package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decode reads one JSON text strictly (RFC 8259; RFC 7493 §2.1 and §2.3): valid UTF-8
// without a byte order mark or lone surrogates, no member twice, no data after the text.
func decode(body []byte) (any, error) {
	if len(body) == 0 {
		return nil, malformed(Fault{Code: FaultSyntax, Detail: "Send a body."})
	}
	var value any
	err := json.Unmarshal(body, &value)
	if _, semantic := errors.AsType[*json.SemanticError](err); semantic {
		err = json.Unmarshal(body, &value, clampNumbers())
	}
	if err == nil {
		return value, nil
	}
	return nil, refusal(err)
}

// refusal turns an error of the JSON library into a [Violation]. It returns any other error as it is.
func refusal(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return err
	}
	if errors.Is(err, tooDeep()) {
		return &Violation{Code: CodeMalformedJSON, Detail: depthDetail, Faults: []Fault{{
			Pointer: pointer(syntax.JSONPointer.Tokens()), Code: FaultSyntax, Detail: depthDetail,
		}}}
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return malformed(duplicateMember(syntax.JSONPointer))
	}
	return malformed(Fault{
		Pointer: pointer(syntax.JSONPointer.Tokens()),
		Code:    FaultSyntax,
		Detail:  fmt.Sprintf("This is not JSON in UTF-8 at or after byte %d.", syntax.ByteOffset),
	})
}

func duplicateMember(place jsontext.Pointer) Fault {
	return Fault{Pointer: pointer(place.Tokens()), Code: FaultDuplicateMember, Detail: "Name this member once."}
}

// depthDetail names the limit of the JSON library.
const depthDetail = "Nest arrays and objects at most 10,000 deep."

// tooDeep returns the error with which the JSON library refuses deeper nesting. It provokes the
// error, because the library does not export it.
var tooDeep = sync.OnceValue(func() error {
	var value any
	syntax, _ := errors.AsType[*jsontext.SyntacticError](json.Unmarshal(bytes.Repeat([]byte("["), 10_001), &value))
	return syntax.Err
})

func malformed(fault Fault) error {
	return &Violation{Code: CodeMalformedJSON, Faults: []Fault{fault}}
}

// clampNumbers reads a number that no 64-bit float can hold as the largest float: such a
// number is JSON (RFC 8259 §6), so the schema has to refuse it.
func clampNumbers() json.Options {
	return json.WithUnmarshalers(json.UnmarshalFromFunc(func(from *jsontext.Decoder, into *any) error {
		if from.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		number, err := from.ReadValue()
		value, _ := strconv.ParseFloat(string(number), 64) // infinite if it is too large
		*into = max(-math.MaxFloat64, min(value, math.MaxFloat64))
		return err
	}))
}

// Unmarshal decodes a body into a generated struct. [Operation.Check] must have accepted the
// body before. Names of members must match in letter case, too. It returns io.EOF for an empty body.
func Unmarshal(body []byte, into any) error {
	if len(body) == 0 {
		return io.EOF
	}
	err := json.Unmarshal(body, into)
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		// The validator accepts 2.0 and 2e0 as integers, OpenAPI 3.0 does not.
		fault := expect(FaultType, "an integer in digits")
		fault.Pointer = pointer(semantic.JSONPointer.Tokens())
		return &Violation{Code: CodeInvalidRequest, Faults: []Fault{fault}}
	}
	return err
}
