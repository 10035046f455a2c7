package httpapi

import (
	"regexp"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// fitter returns a function that is true only for JSON objects that the validator would
// pass, of a schema that is checkable. It saves most requests the validator, which takes
// ten times as long; what does not fit here, the validator decides and explains.
func fitter(schema *openapi3.Schema) func(value any) bool {
	members := map[string]func(any) bool{}
	for name, member := range schema.Properties {
		members[name] = memberFitter(member.Value)
	}
	return func(value any) bool {
		object, ok := value.(map[string]any)
		if !ok {
			return false
		}
		for name, value := range object {
			if fits := members[name]; fits == nil || !fits(value) {
				return false
			}
		}
		for _, name := range schema.Required {
			if _, there := object[name]; !there {
				return false
			}
		}
		return true
	}
}

// memberFitter is fitter for a member. It leaves numbers to the validator, and patterns
// that Go spells otherwise (ECMA-262 §22.2).
func memberFitter(schema *openapi3.Schema) func(value any) bool {
	fits := func(any) bool { return false }
	switch {
	case schema.Type.Is(openapi3.TypeBoolean):
		fits = func(value any) bool {
			_, ok := value.(bool)
			return ok
		}
	case schema.Type.Is(openapi3.TypeString):
		fits = textFitter(schema)
	}
	if !schema.Nullable {
		return fits
	}
	return func(value any) bool { return value == nil || fits(value) }
}

func textFitter(schema *openapi3.Schema) func(value any) bool {
	pattern, err := regexp.Compile(schema.Pattern) // "": all match
	if err != nil || schema.Format != "" && schema.Format != "password" && schema.Format != "email" {
		return func(any) bool { return false }
	}
	return func(value any) bool {
		text, ok := value.(string)
		if !ok {
			return false
		}
		length := uint64(utf8.RuneCountInString(text)) //nolint:gosec // it is not negative
		return length >= schema.MinLength && (schema.MaxLength == nil || length <= *schema.MaxLength) &&
			pattern.MatchString(text) && (schema.Format != "email" || checkEmail(text) == nil)
	}
}
