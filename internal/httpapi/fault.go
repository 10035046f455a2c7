package httpapi

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/gen/api"
)

const (
	maxFaults      = 32 // in one problem
	maxPointer     = 8  // names in a pointer
	maxPointerName = 64 // characters of a name in a pointer
)

// newFaults turns what the schema finds into faults.
func newFaults(err error) ([]api.Fault, error) {
	all, ok := errors.AsType[openapi3.MultiError](err)
	if !ok {
		all = openapi3.MultiError{err}
	}
	var faults []api.Fault
	for _, one := range all {
		schemaError, ok := errors.AsType[*openapi3.SchemaError](one)
		if !ok {
			return nil, fmt.Errorf("validate a request: unexpected %T", one)
		}
		if schemaError.SchemaField == "format" && schemaError.Schema.Max != nil {
			continue // an integer: its bounds say more
		}
		fault, err := newFault(schemaError.JSONPointer(), schemaError)
		if err != nil {
			return nil, err
		}
		faults = append(faults, fault)
	}
	return faults, nil
}

// unknownMembers takes the members that the schema does not name out of an object, and
// returns faults for the first of them in the order of their names. The validator would
// need long for many.
func unknownMembers(schema *openapi3.Schema, object map[string]any) []api.Fault {
	var names []string
	for name := range object {
		if schema.Properties[name] == nil {
			names = append(names, name)
			delete(object, name)
		}
	}
	slices.Sort(names)
	var faults []api.Fault
	for _, name := range names[:min(len(names), maxFaults)] {
		faults = append(faults, api.Fault{
			Pointer: pointer(slices.Values([]string{name})),
			Code:    api.FaultCodeUnknownMember,
			Detail:  "There is no such member.",
		})
	}
	return faults
}

// newFault says what the schema asks for; the value that was sent has no part in it.
func newFault(at []string, e *openapi3.SchemaError) (api.Fault, error) {
	fault := api.Fault{Pointer: pointer(slices.Values(at))}
	switch e.SchemaField {
	case "required":
		fault.Code, fault.Detail = api.FaultCodeRequired, "Send this member."
	case "type":
		fault.Code, fault.Detail = api.FaultCodeType, "Send "+typeOf(e.Schema)+"."
	case "nullable":
		fault.Code, fault.Detail = api.FaultCodeNull, "Send "+typeOf(e.Schema)+"."
	case "minLength":
		fault.Code, fault.Detail = api.FaultCodeMinLength, fmt.Sprintf("Send %d or more characters.", e.Schema.MinLength)
	case "maxLength":
		fault.Code, fault.Detail = api.FaultCodeMaxLength, fmt.Sprintf("Send %d characters or fewer.", *e.Schema.MaxLength)
	case "minimum":
		fault.Code, fault.Detail = api.FaultCodeMinimum, fmt.Sprintf("Send %.0f or more.", *e.Schema.Min)
	case "maximum":
		fault.Code, fault.Detail = api.FaultCodeMaximum, fmt.Sprintf("Send %.0f or less.", *e.Schema.Max)
	case "pattern":
		fault.Code, fault.Detail = api.FaultCodePattern, "Send "+form(e.Schema)+"."
	case "format":
		fault.Code, fault.Detail = api.FaultCodeFormat, "Send "+form(e.Schema)+"."
	default:
		return api.Fault{}, fmt.Errorf("validate a request: no fault code for %s", e.SchemaField)
	}
	return fault, nil
}

func typeOf(schema *openapi3.Schema) string {
	var types []string
	for _, name := range schema.Type.Slice() {
		article := "a "
		if strings.ContainsRune("aeio", rune(name[0])) {
			article = "an "
		}
		types = append(types, article+name)
	}
	if schema.Nullable {
		types = append(types, "null")
	}
	return strings.Join(types, " or ")
}

// form says what a string has to look like, in the contract's words.
func form(schema *openapi3.Schema) string {
	text, _ := schema.Extensions["x-form"].(string)
	return text
}

// pointer writes a JSON Pointer (RFC 6901 §3) whose names are cut and made printable.
func pointer(names iter.Seq[string]) string {
	var text strings.Builder
	count := 0
	for name := range names {
		if count++; count > maxPointer {
			break
		}
		runes := []rune(name)
		for i, r := range runes[:min(len(runes), maxPointerName)] {
			if unicode.IsControl(r) {
				runes[i] = unicode.ReplacementChar
			}
		}
		name = string(runes[:min(len(runes), maxPointerName)])
		text.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return text.String()
}
