package contract

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// MaxFaults is the number of faults that a violation lists at most.
const MaxFaults = 32

const (
	maxPointerNames = 8  // names in a pointer
	maxPointerName  = 64 // characters of one name in a pointer
)

// FaultCode is the kind of a fault. The contract lists the same names in FaultCode.
type FaultCode string

// The faults that this package finds.
const (
	FaultSyntax          FaultCode = "syntax"
	FaultDuplicateMember FaultCode = "duplicate_member"
	FaultUnknownMember   FaultCode = "unknown_member"
	FaultRequired        FaultCode = "required"
	FaultType            FaultCode = "type"
	FaultNotNull         FaultCode = "not_null"
	FaultMinLength       FaultCode = "min_length"
	FaultMaxLength       FaultCode = "max_length"
	FaultMinimum         FaultCode = "minimum"
	FaultMaximum         FaultCode = "maximum"
	FaultPattern         FaultCode = "pattern"
	FaultFormat          FaultCode = "format"
	FaultRepeated        FaultCode = "repeated"
)

// Fault is one thing that is wrong with a request.
type Fault struct {
	Pointer   string // JSON Pointer (RFC 6901) into the body; "": the whole body, or not in the body
	Parameter string // the query parameter; "": not in the query
	Code      FaultCode
	Detail    string // a sentence for the person who sent the request
	Expected  string // what is expected there, as in "8 or more characters"; "": Detail says all
}

// expect returns a fault for a value that differs from what is expected.
func expect(code FaultCode, expected string) Fault {
	return Fault{Code: code, Detail: "Send " + expected + ".", Expected: expected}
}

// findFaults returns the faults of a value in a request, sorted by pointer. It removes unknown
// members from objects.
func findFaults(schema *openapi3.Schema, value any) (faults []Fault, err error) {
	faults = takeUnknownMembers(schema, value)
	if err := schema.VisitJSON(value, requestOptions...); err != nil {
		found, err := newFaults(err)
		if err != nil {
			return nil, err
		}
		faults = append(faults, found...)
	}
	faults = append(faults, findWrongForms(schema, value, faults)...)
	slices.SortFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Code, b.Code))
	})
	return faults, nil
}

// newFaults turns the validator's error into faults.
func newFaults(err error) ([]Fault, error) {
	all, ok := errors.AsType[openapi3.MultiError](err)
	if !ok {
		all = openapi3.MultiError{err}
	}
	var faults []Fault
	for _, one := range all {
		schemaError, ok := errors.AsType[*openapi3.SchemaError](one)
		if !ok {
			return nil, fmt.Errorf("validate a request: unexpected %T", one)
		}
		if schemaError.SchemaField == "format" && schemaError.Schema.Max != nil {
			continue // int32: minimum and maximum say more
		}
		fault, err := newFault(schemaError)
		if err != nil {
			return nil, err
		}
		faults = append(faults, fault)
	}
	return faults, nil
}

// takeUnknownMembers removes the members that the schema does not name from objects and
// returns a fault for each of the first [MaxFaults] of an object, sorted by name. With many such members, the
// validator would be slow. The names lead to the value.
func takeUnknownMembers(schema *openapi3.Schema, value any, names ...string) (faults []Fault) {
	eachChild(schema, value, names, func(schema *openapi3.Schema, child any, names []string) {
		faults = append(faults, takeUnknownMembers(schema, child, names...)...)
	})
	object, isObject := value.(map[string]any)
	if !isObject || !schema.Type.Permits(openapi3.TypeObject) {
		return faults // an object in the place of a password may have the password as a name
	}
	var unknown []string
	for name := range object {
		if schema.Properties[name] == nil {
			unknown = append(unknown, name)
			delete(object, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown[:min(len(unknown), MaxFaults)] {
		faults = append(faults, Fault{
			Pointer: pointer(slices.Values(append(names, name))),
			Code:    FaultUnknownMember,
			Detail:  "There is no such member.",
		})
	}
	return faults
}

// eachChild calls do for the members of an object that the schema names, or for the items of an array, if they are objects
// or arrays themselves.
func eachChild(schema *openapi3.Schema, value any, names []string, do func(schema *openapi3.Schema, child any, names []string)) {
	isNested := func(child any) bool {
		switch child.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		for name, child := range value {
			if described := schema.Properties[name]; described != nil && isNested(child) {
				do(described.Value, child, append(slices.Clone(names), name))
			}
		}
	case []any:
		for i, child := range value {
			if schema.Items != nil && isNested(child) {
				do(schema.Items.Value, child, append(slices.Clone(names), strconv.Itoa(i)))
			}
		}
	}
}

// newFault says what the schema expects. It never looks at the value that was sent.
func newFault(e *openapi3.SchemaError) (fault Fault, err error) {
	switch e.SchemaField {
	case "required":
		fault = Fault{Code: FaultRequired, Detail: "Send this member."}
	case "type":
		fault = expect(FaultType, typeOf(e.Schema))
	case "nullable":
		fault = expect(FaultNotNull, typeOf(e.Schema))
	case "minLength":
		fault = expect(FaultMinLength, fmt.Sprintf("%d or more characters", e.Schema.MinLength))
	case "maxLength":
		fault = expect(FaultMaxLength, fmt.Sprintf("%d characters or fewer", *e.Schema.MaxLength))
	case "minimum":
		fault = expect(FaultMinimum, fmt.Sprintf("%.0f or more", *e.Schema.Min))
	case "maximum":
		fault = expect(FaultMaximum, fmt.Sprintf("%.0f or less", *e.Schema.Max))
	case "pattern", "enum":
		fault = expect(FaultPattern, form(e.Schema))
	case "format":
		fault = expect(FaultFormat, form(e.Schema))
	default:
		return Fault{}, fmt.Errorf("validate a request: no fault code for %s", e.SchemaField)
	}
	fault.Pointer = pointer(slices.Values(e.JSONPointer()))
	return fault, nil
}

// typeOf names the types that a schema allows, as in "a boolean or null".
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

// pointer writes a JSON Pointer (RFC 6901 §3). It cuts long names and long pointers, and
// replaces control characters.
func pointer(names iter.Seq[string]) string {
	var text strings.Builder
	count := 0
	for name := range names {
		if count++; count > maxPointerNames {
			break
		}
		runes := []rune(name)
		runes = runes[:min(len(runes), maxPointerName)]
		for i, r := range runes {
			if unicode.IsControl(r) {
				runes[i] = unicode.ReplacementChar
			}
		}
		text.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(string(runes)))
	}
	return text.String()
}
