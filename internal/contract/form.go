package contract

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// forms are the values of x-form, and what each asks of a text besides the pattern. A pattern says
// only what the regular expressions of all languages say in the same way, which is ASCII. A function
// also returns the text in which minLength counts characters again.
var forms = map[string]func(text string) (counted string, fits bool){
	"visible characters and spaces as in RFC 8265 §4.2, 8 or more in Unicode NFC":                isPassword,
	"text without control characters":                                                            isText,
	"a name of letters and digits in any script, and of visible ASCII characters except / and @": isName,

	// Their patterns say everything.
	`either * or a list of entity tags like "1", "2", at most 1024 characters long`: nil,
	"an identifier with only ASCII letters, digits, dots, underscores and hyphens":  nil,
	"one e-mail address in ASCII, such as user@example.com":                         nil,
}

func isText(text string) (string, bool) { return text, strings.IndexFunc(text, unicode.IsControl) < 0 }

// identifier is the profile UsernameCasePreserved (RFC 8265 §3.4) without the Bidi Rule. The profile of the
// library applies the rule to every name that is not ASCII, and so refuses a Chinese name that begins with a
// digit. The RFC asks for the rule only if a name has right-to-left characters.
var identifier = precis.NewIdentifier(precis.FoldWidth, precis.Norm(norm.NFC))

// isName reports whether a text is an identifier as RFC 8265 defines it, with neither / nor @, which
// separate names in log-ins. A mark at the beginning would belong to the text before the name.
func isName(text string) (string, bool) {
	mapped, err := identifier.String(text)
	if err != nil || strings.ContainsAny(mapped, "/@") {
		return text, false
	}
	if bidirule.DirectionString(mapped) == bidi.RightToLeft && !bidirule.ValidString(mapped) {
		return text, false
	}
	first, _ := utf8.DecodeRuneInString(mapped)
	return text, !unicode.IsMark(first)
}

// isPassword reports whether a text is an OpaqueString (RFC 8265 §4.2). A decomposed letter counts as one
// character.
func isPassword(text string) (string, bool) {
	prepared, err := precis.OpaqueString.String(text)
	return prepared, err == nil || text == "" // minLength refuses it
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
func FitsForm(schema *openapi3.Schema, text string) bool { return formFault(schema, text) == "" }

// formFault returns why a text does not have the form that x-form names, or "" if it does.
func formFault(schema *openapi3.Schema, text string) FaultCode {
	check := forms[form(schema)]
	if check == nil {
		return ""
	}
	counted, fits := check(text)
	switch {
	case !fits:
		return FaultPattern
	case uint64(len([]rune(counted))) < schema.MinLength:
		return FaultMinLength
	}
	return ""
}

// findWrongForms returns the faults of strings that do not have their form, except of those that
// have the same fault already. The names lead to the value.
func findWrongForms(schema *openapi3.Schema, value any, known []Fault, names ...string) (faults []Fault) {
	check := func(schema *openapi3.Schema, value any, names ...string) {
		text, isText := value.(string)
		if !isText {
			return
		}
		code := formFault(schema, text)
		if code == "" {
			return
		}
		place := pointer(slices.Values(names))
		isKnown := func(f Fault) bool { return f.Pointer == place && f.Code == code }
		if !slices.ContainsFunc(known, isKnown) {
			fault := expect(code, form(schema))
			fault.Pointer = place
			faults = append(faults, fault)
		}
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		check(schema, value, names...)
	}
	for name, member := range object {
		if described := schema.Properties[name]; described != nil {
			check(described.Value, member, append(names, name)...)
		}
	}
	eachChild(schema, value, names, func(schema *openapi3.Schema, child any, names []string) {
		faults = append(faults, findWrongForms(schema, child, known, names...)...)
	})
	return faults
}
