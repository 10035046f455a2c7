package conform

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/internal/contract"
)

// Breakage is a way to break a request in one place.
type Breakage struct {
	Place  string // of the fault: a pointer, or ? and the name of a parameter
	Code   string // of the fault; "": the status says enough
	Status int
	Apply  func(s Source, r *Request)
}

func (b Breakage) String() string { return fmt.Sprintf("%d %s %s", b.Status, b.Place, b.Code) }

// userNumber matches path segments that may be the number of a user.
var userNumber = regexp.MustCompile(`^[1-9][0-9]{0,9}$`)

// Breakages returns the ways to break a request of the operation.
func (o Operation) Breakages(c *contract.Contract) []Breakage {
	others := slices.DeleteFunc([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, func(method string) bool {
		return c.Document().Paths.Value(o.Path).GetOperation(method) != nil
	})
	all := []Breakage{{Status: http.StatusMethodNotAllowed, Apply: func(s Source, r *Request) { r.Method = oneOf(s, others...) }}}
	if !o.Open() {
		all = append(all, Breakage{Status: http.StatusUnauthorized, Apply: func(s Source, r *Request) {
			r.Headers["Authorization"] = oneOf(s, "", "Bearer", matching(s, `^(Bearer |Basic |)[!-~]{1,80}$`))
		}})
	}
	for _, p := range o.Parameters {
		all = append(all, o.brokenParameter(p.Value)...)
	}
	if o.Body != nil {
		all = append(all, o.brokenBodies()...)
	}
	return all
}

func (o Operation) brokenParameter(p *openapi3.Parameter) []Breakage {
	name, schema := p.Name, p.Schema.Value
	switch p.In {
	case "path":
		return []Breakage{{Status: http.StatusNotFound, Apply: func(s Source, r *Request) {
			id := oneOf(s, "", "0", "02", "-2", "2.0", "2147483648", strings.Repeat("9", 64), "\x00")
			for range tries {
				if id != "\x00" && (!userNumber.MatchString(id) || id == "2147483648") {
					break
				}
				id = textWith(between(s, 1, 64), func() rune { return anyRune(s) })
			}
			r.Path = strings.Replace(o.Path, "{"+name+"}", url.PathEscape(id), 1)
		}}}
	case "header":
		pattern := regexp.MustCompile(schema.Pattern)
		return []Breakage{{Status: http.StatusBadRequest, Apply: func(s Source, r *Request) {
			_, longest := lengthsOf(schema)
			r.Headers[name] = `"` + strings.Repeat("1", longest) + `"`
			if text := matching(s, `^[!-)+-~]{1,20}$`); yes(s) && !pattern.MatchString(text) {
				r.Headers[name] = text
			}
		}}}
	}
	return append(wrongValues("?"+name, schema, func(r *Request, value any) { r.Query.Set(name, fmt.Sprint(value)) }),
		Breakage{Place: "?" + name, Code: string(contract.FaultRepeated), Status: http.StatusUnprocessableEntity, Apply: func(s Source, r *Request) {
			value := fmt.Sprint(valueOf(s, schema))
			r.Query[name] = []string{value, value}
		}})
}

// wrongValues returns a breakage for each code that the schema can refuse a value with.
func wrongValues(place string, schema *openapi3.Schema, set func(r *Request, value any)) []Breakage {
	var all []Breakage
	add := func(code contract.FaultCode, wrong func(s Source) any) {
		all = append(all, Breakage{Place: place, Code: string(code), Status: http.StatusUnprocessableEntity, Apply: func(s Source, r *Request) { set(r, wrong(s)) }})
	}
	if inBody := strings.HasPrefix(place, "/"); inBody {
		types := map[string][]any{
			"boolean": {true, false}, "integer": {1, 7}, "string": {"text", "", "true", "1"}, "array": {[]any{}, []any{"text"}}, "object": {map[string]any{}, map[string]any{"a": 1}},
		}
		delete(types, schema.Type.Slice()[0])
		for _, values := range sorted(types) {
			add(contract.FaultType, func(s Source) any { return oneOf(s, values...) })
		}
		if !schema.Nullable {
			add(contract.FaultNotNull, func(Source) any { return nil })
		}
	} else if schema.Type.Is("integer") {
		add(contract.FaultType, func(s Source) any {
			return oneOf(s, "", "+1", "01", "1.0", "1e1", " 1", "1 ", "0x1", "１", textWith(between(s, 1, 9), func() rune {
				return runeThat('x', func() rune { return anyRune(s) }, func(r rune) bool { return r != '-' && (r < '0' || r > '9') })
			}))
		})
	}
	switch {
	case schema.Type.Is("integer"):
		add(contract.FaultMinimum, func(s Source) any { return integerIn(s, math.MinInt64, int64(*schema.Min)-1) })
		add(contract.FaultMaximum, func(s Source) any { return integerIn(s, int64(*schema.Max)+1, math.MaxInt64) })
	case schema.Type.Is("string"):
		shortest, longest := lengthsOf(schema)
		if schema.MinLength > 0 {
			add(contract.FaultMinLength, func(s Source) any {
				return textWith(between(s, 0, shortest-1), func() rune { return anyRune(s) })
			})
		}
		add(contract.FaultMaxLength, func(s Source) any {
			return textWith(between(s, longest+1, longest+99), func() rune { return anyRune(s) })
		})
		if schema.Pattern != "" {
			add(contract.FaultPattern, func(s Source) any {
				text := []rune(textOf(s, schema, max(1, shortest), longest))
				text[s.IntN(len(text))] = oneOf[rune](s, 0, 1, '\t', '\n', 0x7f, 0x80, 0x85, 0x9f)
				return string(text)
			})
		}
	}
	return all
}
