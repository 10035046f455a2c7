package conform

import (
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/internal/contract"
)

// tries is how often a value is generated until it fits.
const tries = 1000

// valueOf generates a value that a schema allows.
func valueOf(s Source, schema *openapi3.Schema) any {
	switch {
	case schema.Nullable && s.IntN(3) == 0:
		return nil
	case schema.Type.Is("boolean"):
		return yes(s)
	case schema.Type.Is("integer"):
		return integerIn(s, int64(*schema.Min), int64(*schema.Max))
	}
	shortest, longest := lengthsOf(schema)
	return textOf(s, schema, shortest, longest)
}

// lengthsOf returns how many characters a text has at least and at most.
func lengthsOf(schema *openapi3.Schema) (shortest, longest int) {
	return int(schema.MinLength), int(*schema.MaxLength) //nolint:gosec // the contract's are small
}

// integerIn chooses an integer from low to high. It is often one of these, or close to one.
func integerIn(s Source, low, high int64) int64 {
	size := high - low
	if size < 0 || size == math.MaxInt64 { // too large for an int64, or for IntN
		size = math.MaxInt64 - 1
	}
	if yes(s) {
		size = min(size, 9)
	}
	offset := int64(s.IntN(int(size) + 1))
	if yes(s) {
		return high - offset
	}
	return low + offset
}

// LongestAddress has 254 characters: 64 before the @, and labels of up to 63 after it.
var LongestAddress = strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 61)

// textOf generates a string of shortest to longest characters that a schema allows. It often has one of these lengths.
// The schema may ask for other lengths.
func textOf(s Source, schema *openapi3.Schema, shortest, longest int) string {
	if schema.Format == "email" && s.IntN(4) == 0 {
		return LongestAddress
	}
	runes := runesOf(schema)
	for range tries {
		text := ""
		if runes == nil {
			text = matching(s, schema.Pattern)
		} else {
			length := oneOf(s, shortest, longest, -1, -1)
			if length < 0 {
				length = between(s, shortest, longest)
			}
			text = textWith(length, runes(s))
		}
		if length := utf8.RuneCountInString(text); shortest <= length && length <= longest &&
			contract.FitsForm(schema, text) && (schema.Format != "email" || strings.IndexByte(text, '@') <= 64) {
			return text
		}
	}
	return strings.Repeat("a", max(1, shortest)) // fits every form
}

// textWith returns a text of this many characters.
func textWith(length int, next func() rune) string {
	text := make([]rune, length)
	for i := range text {
		text[i] = next()
	}
	return string(text)
}

// The scripts of which names are made. A name has letters of one direction only.
var scripts = [][]*unicode.RangeTable{
	{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Devanagari, unicode.Han, unicode.Katakana, unicode.Hangul},
	{unicode.Arabic, unicode.Hebrew},
}

// runesOf returns how to choose the characters of a text that a schema allows: it first chooses the kind of text.
// It returns nil if the pattern allows more than any number of characters of one class.
func runesOf(schema *openapi3.Schema) func(Source) func() rune {
	fits := func(r rune) bool {
		shortest, _ := lengthsOf(schema)
		return contract.FitsForm(schema, strings.Repeat(string(r), max(1, shortest)))
	}
	switch form, _ := schema.Extensions["x-form"].(string); {
	case schema.Pattern == "":
		return func(s Source) func() rune { return func() rune { return anyRune(s) } }
	case strings.HasPrefix(form, "a name of letters"):
		return func(s Source) func() rune {
			tables := oneOf(s, scripts...)
			letter := func() rune {
				return runeThat('a', func() rune { return runeIn(s, oneOf(s, tables...)) }, func(r rune) bool { return unicode.IsLetter(r) && fits(r) })
			}
			return func() rune {
				if s.IntN(3) == 0 {
					return oneOf(s, []rune("azAZ019!-_.~")...)
				}
				return letter()
			}
		}
	case strings.HasPrefix(form, "visible characters"):
		return func(s Source) func() rune {
			return func() rune { return runeThat('a', func() rune { return anyRune(s) }, fits) }
		}
	}
	class := classOf(schema.Pattern)
	if class == nil {
		return nil
	}
	return func(s Source) func() rune {
		return func() rune { return runeThat('a', func() rune { return runeOfClass(s, class) }, fits) }
	}
}

// runeThat chooses a character until it fits.
func runeThat(otherwise rune, next func() rune, fits func(rune) bool) rune {
	for range tries {
		if r := next(); fits(r) {
			return r
		}
	}
	return otherwise
}

// anyRune chooses a character of any kind.
func anyRune(s Source) rune {
	switch s.IntN(4) {
	case 0:
		return runeBetween(s, ' ', '~')
	case 1:
		return oneOf(s, []rune("\u00a0\u00e9\u0301\u212b\u3000\uff21\uff76\uff9e\u200d\ufeff\U0001f600\U00020000\"\\<&%+'/@")...)
	}
	return runeIn(s, oneOf(s, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs))
}

// runeIn chooses a character of a table.
func runeIn(s Source, table *unicode.RangeTable) rune {
	at := s.IntN(len(table.R16) + len(table.R32))
	if at < len(table.R16) {
		r := table.R16[at]
		return rune(r.Lo) + rune(r.Stride)*runeBetween(s, 0, rune((r.Hi-r.Lo)/r.Stride))
	}
	r := table.R32[at-len(table.R16)]
	return rune(r.Lo) + rune(r.Stride)*runeBetween(s, 0, rune((r.Hi-r.Lo)/r.Stride)) //nolint:gosec // code points fit into a rune
}

// classOf returns the class if a pattern allows any number of characters of one class, and nil otherwise.
func classOf(pattern string) []rune {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || parsed.Op != syntax.OpConcat || len(parsed.Sub) != 3 {
		return nil
	}
	repeated := parsed.Sub[1]
	if (repeated.Op != syntax.OpStar && repeated.Op != syntax.OpPlus) || repeated.Sub[0].Op != syntax.OpCharClass {
		return nil
	}
	return repeated.Sub[0].Rune
}

// runeOfClass chooses a character of a class, which is a list of ranges. Half of them are ASCII, if the class has any.
func runeOfClass(s Source, class []rune) rune {
	var ranges [][2]rune
	for pair := range slices.Chunk(class, 2) {
		if pair[0] <= unicode.MaxASCII && s.IntN(2) == 0 {
			pair = []rune{pair[0], min(pair[1], unicode.MaxASCII)}
		}
		ranges = append(ranges, [2]rune{pair[0], pair[1]})
	}
	chosen := oneOf(s, ranges...)
	for range tries {
		if r := runeBetween(s, chosen[0], chosen[1]); utf8.ValidRune(r) {
			return r
		}
	}
	return chosen[0]
}

// matching generates a text that matches a pattern of the contract.
func matching(s Source, pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "" // textOf tries nothing else, and the contract's own tests compile its patterns
	}
	var text strings.Builder
	write(s, &text, parsed)
	return text.String()
}

// mostRepeated is how often a part of a pattern without an upper limit is repeated at most.
const mostRepeated = 8

func write(s Source, text *strings.Builder, part *syntax.Regexp) {
	repeat := func(low, high int) {
		for range between(s, low, high) {
			write(s, text, part.Sub[0])
		}
	}
	switch part.Op {
	case syntax.OpLiteral:
		text.WriteString(string(part.Rune))
	case syntax.OpCharClass:
		text.WriteRune(runeOfClass(s, part.Rune))
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range part.Sub {
			write(s, text, sub)
		}
	case syntax.OpAlternate:
		write(s, text, oneOf(s, part.Sub...))
	case syntax.OpStar:
		repeat(0, mostRepeated)
	case syntax.OpPlus:
		repeat(1, mostRepeated)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		high := part.Max
		if high < 0 {
			high = part.Min + mostRepeated
		}
		repeat(part.Min, high)
	default: // the beginning and the end
	}
}
