package contract

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// forms are the values of x-form, and what each asks of every character besides the pattern. A pattern
// says only what the regular expressions of all languages say in the same way, which is ASCII.
var forms = map[string]func(rune) bool{
	"text without control characters":                        func(r rune) bool { return !unicode.IsControl(r) },
	"a name without /, @, white space or control characters": func(r rune) bool { return !unicode.IsControl(r) && !unicode.IsSpace(r) },

	// Their patterns say everything.
	`either * or a list of entity tags like "1", "2", at most 1024 characters long`: nil,
	"an identifier with only ASCII letters, digits, dots, underscores and hyphens":  nil,
	"one e-mail address in ASCII, such as user@example.com":                         nil,
}

// form returns x-form: what a string has to look like, in words.
func form(schema *openapi3.Schema) string {
	text, _ := schema.Extensions["x-form"].(string)
	return text
}

// checkForm fails if the server could not check the form of a string, or could not explain it.
func checkForm(schema *openapi3.Schema) error {
	name := form(schema)
	if _, known := forms[name]; !known && (schema.Pattern != "" || name != "") {
		return fmt.Errorf("nothing checks the x-form %q, which says a pattern in words", name)
	}
	return nil
}

// FitsForm reports whether a string that matches the pattern of a schema has the form that x-form names.
func FitsForm(schema *openapi3.Schema, text string) bool {
	allowed := forms[form(schema)]
	return allowed == nil || strings.IndexFunc(text, func(r rune) bool { return !allowed(r) }) < 0
}

// findWrongForms returns the faults of strings that do not have their form, except of those whose pattern
// is among the faults already.
func findWrongForms(schema *openapi3.Schema, value any, known []Fault) (faults []Fault) {
	check := func(schema *openapi3.Schema, value any, place string) {
		text, isText := value.(string)
		isKnown := func(f Fault) bool { return f.Pointer == place && f.Code == FaultPattern }
		if isText && !FitsForm(schema, text) && !slices.ContainsFunc(known, isKnown) {
			fault := expect(FaultPattern, form(schema))
			fault.Pointer = place
			faults = append(faults, fault)
		}
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		check(schema, value, "")
	}
	for name, member := range object {
		check(schema.Properties[name].Value, member, pointer(slices.Values([]string{name})))
	}
	return faults
}
