package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
)

// A request that is broken in one place is refused with the status and the code that the
// contract has for that place.
func TestFuzzBrokenRequests(t *testing.T) {
	eachFuzzed(t, func(t *testing.T, f fuzzed, send func(*rapid.T, generated) apitest.Answer) {
		broken, sent := f.breakages(), 0
		rapid.Check(t, func(rt *rapid.T) {
			b := rapid.SampledFrom(broken).Draw(rt, "breakage")
			g := f.generate(rt, true)
			b.apply(rt, &g)
			answer := send(rt, g)
			sent++
			require.Equal(rt, b.status, answer.Status, "%s: %s: %+v", b, answer.Body, g)
			if b.status != 422 {
				return
			}
			codes := []string{}
			for _, fault := range answer.Problem(t).Errors {
				place := fault.Pointer
				if fault.Parameter != nil {
					place = "?" + *fault.Parameter
				}
				if b.code != "unknown_member" {
					require.Equal(rt, b.place, place, "%s: %+v", b, g)
				}
				codes = append(codes, string(fault.Code))
			}
			require.Contains(rt, codes, b.code, "%s: %+v", b, g)
		})
		t.Logf("%d broken requests, no 5xx", sent)
		require.Positive(t, sent)
	})
}

// userNumber matches path segments that may be the number of a user.
var userNumber = regexp.MustCompile(`^[1-9][0-9]{0,9}$`)

// breakage is a way to break a request in one place.
type breakage struct {
	place, code string // of the fault; the place is a pointer, or ? and the name of a parameter
	status      int
	apply       func(rt *rapid.T, g *generated)
}

func (b breakage) String() string { return fmt.Sprintf("%d %s %s", b.status, b.place, b.code) }

// newBreakage completes a breakage that draws a wrong value and sets it.
func newBreakage[T any](b breakage, wrong *rapid.Generator[T], set func(g *generated, value T)) breakage {
	b.apply = func(rt *rapid.T, g *generated) { set(g, wrong.Draw(rt, "wrong")) }
	return b
}

func (f fuzzed) breakages() []breakage {
	others := slices.DeleteFunc([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, func(method string) bool {
		return apitest.Contract().Paths.Value(f.path).GetOperation(method) != nil
	})
	setHeader := func(name string) func(*generated, string) {
		return func(g *generated, value string) { g.headers[name] = value }
	}
	all := []breakage{newBreakage(breakage{status: http.StatusMethodNotAllowed}, rapid.SampledFrom(others),
		func(g *generated, method string) { g.method = method })}
	if f.op.Security == nil {
		all = append(all, newBreakage(breakage{status: 401}, rapid.StringMatching(`|Bearer|(Bearer |Basic |)[!-~]{1,80}`), setHeader("Authorization")))
	}
	for _, p := range f.parameters {
		name, schema := p.Value.Name, p.Value.Schema.Value
		switch p.Value.In {
		case "path":
			all = append(all, newBreakage(breakage{status: 404},
				rapid.OneOf(rapid.SampledFrom([]string{"", "0", "02", "-2", "2.0", "2147483648", strings.Repeat("9", 64)}), rapid.StringN(1, 64, -1)).
					Filter(func(id string) bool { return !userNumber.MatchString(id) || id == "2147483648" }),
				func(g *generated, id string) {
					g.path = strings.Replace(f.path, "{"+name+"}", url.PathEscape(id), 1)
				}))
		case "header":
			pattern := regexp.MustCompile(schema.Pattern)
			all = append(all, newBreakage(breakage{status: 400}, rapid.OneOf(
				rapid.StringMatching(`[!-)+-~]{1,20}`).Filter(func(text string) bool { return !pattern.MatchString(text) }),
				rapid.Just(`"`+strings.Repeat("1", int(*schema.MaxLength))+`"`)), setHeader(name)))
		case "query":
			all = append(all, wrongValues("?"+name, schema, func(g *generated, value any) { g.query.Set(name, fmt.Sprint(value)) })...)
			all = append(all, newBreakage(breakage{place: "?" + name, code: "repeated", status: 422}, valuesOf(schema), func(g *generated, value any) {
				g.query[name] = []string{fmt.Sprint(value), fmt.Sprint(value)}
			}))
		}
	}
	if f.body != nil {
		all = append(all, f.brokenBodies()...)
	}
	return all
}

// wrongValues returns a breakage for each code that the schema can refuse a value with.
func wrongValues(place string, schema *openapi3.Schema, set func(g *generated, value any)) []breakage {
	var all []breakage
	add := func(code string, values *rapid.Generator[any]) {
		all = append(all, newBreakage(breakage{place: place, code: code, status: 422}, values, set))
	}
	if inBody := strings.HasPrefix(place, "/"); inBody {
		types := map[string]any{"boolean": true, "integer": 7, "string": "text", "array": []any{}, "object": map[string]any{"a": 1}}
		delete(types, schema.Type.Slice()[0])
		add("type", rapid.Custom(func(rt *rapid.T) any {
			return types[rapid.SampledFrom(slices.Sorted(maps.Keys(types))).Draw(rt, "type")]
		}))
		if !schema.Nullable {
			add("null", rapid.Just[any](nil))
		}
	} else if schema.Type.Is("integer") {
		add("type", rapid.OneOf(rapid.SampledFrom([]string{"", "+1", "01", "1.0", "1e1", " 1", "1 ", "0x1", "１"}),
			rapid.StringMatching(`[^0-9\-]{1,9}`)).AsAny())
	}
	switch {
	case schema.Type.Is("integer"):
		add("minimum", rapid.Int64Max(int64(*schema.Min)-1).AsAny())
		add("maximum", rapid.Int64Min(int64(*schema.Max)+1).AsAny())
	case schema.Type.Is("string"):
		if schema.MinLength > 0 {
			add("min_length", rapid.StringN(0, int(schema.MinLength)-1, -1).AsAny())
		}
		add("max_length", rapid.StringN(int(*schema.MaxLength)+1, int(*schema.MaxLength)+99, -1).AsAny())
		if schema.Pattern != "" {
			add("pattern", rapid.Custom(func(rt *rapid.T) any {
				text := []rune(textsOf(schema, max(1, int(schema.MinLength)), int(*schema.MaxLength)).Draw(rt, "text"))
				text[rapid.IntRange(0, len(text)-1).Draw(rt, "at")] = rapid.RuneFrom([]rune{0, 1, '\t', '\n', 0x7f, 0x80, 0x85, 0x9f}).Draw(rt, "control")
				return string(text)
			}))
		}
	}
	return all
}

// brokenBodies returns the breakages of the body: members, text, size and media type.
func (f fuzzed) brokenBodies() []breakage {
	var all []breakage
	for _, name := range slices.Sorted(maps.Keys(f.body.Properties)) {
		set := func(g *generated, value any) { g.setMember(name, value) }
		all = append(all, wrongValues("/"+name, f.body.Properties[name].Value, set)...)
		if slices.Contains(f.body.Required, name) {
			all = append(all, breakage{place: "/" + name, code: "required", status: 422, apply: func(_ *rapid.T, g *generated) {
				delete(g.members, name)
			}})
		}
	}
	all = append(all, newBreakage(breakage{code: "unknown_member", status: 422},
		rapid.String().Filter(func(name string) bool { return f.body.Properties[name] == nil }),
		func(g *generated, name string) { g.setMember(name, true) }))
	for _, whole := range []string{"[]", "true", "7", `"text"`} {
		all = append(all, breakage{code: "type", status: 422, apply: func(_ *rapid.T, g *generated) { g.setText(whole) }})
	}
	return append(all, f.brokenTexts()...)
}

// brokenTexts returns the breakages of bodies that are not JSON, or not sent as JSON.
func (f fuzzed) brokenTexts() []breakage {
	text := func(status int, change func(rt *rapid.T, text string) string) breakage {
		return breakage{status: status, apply: func(rt *rapid.T, g *generated) {
			if g.members == nil {
				g.members = map[string]any{}
			}
			object, err := json.Marshal(g.members)
			require.NoError(rt, err)
			g.setText(change(rt, string(object)))
		}}
	}
	inside := func(member string) func(*rapid.T, string) string {
		return func(_ *rapid.T, text string) string { return strings.TrimSuffix("{"+member+","+text[1:], ",}") + "}" }
	}
	header := func(name string, wrong ...string) breakage {
		return newBreakage(breakage{status: 415}, rapid.SampledFrom(wrong), func(g *generated, value string) {
			g.setMember("x", 1)
			g.headers[name] = value
		})
	}
	all := []breakage{
		text(400, func(rt *rapid.T, text string) string { return text[:rapid.IntRange(1, len(text)-1).Draw(rt, "cut")] }),
		text(400, func(rt *rapid.T, text string) string {
			return text + rapid.SampledFrom([]string{"}", "{}", "x", ",", "\x00", "0", "\ufeff", "//"}).Draw(rt, "trailing")
		}),
		text(400, func(_ *rapid.T, text string) string { return "\ufeff" + text }),
		text(400, inside(`"a":1,"a":1`)),
		text(400, inside(`"a":1,"\u0061":1`)),
		text(400, inside("\"a\":\"\xff\"")),
		text(400, inside(`"a":"\ud800"`)),
		text(413, func(rt *rapid.T, text string) string {
			return text + strings.Repeat(" ", rapid.IntRange(1<<16, 1<<17).Draw(rt, "spaces"))
		}),
		header("Content-Type", "text/plain", "application/problem+json", "application/json; charset=latin1", "application/json, text/plain", "json"),
		header("Content-Encoding", "gzip", "br", "identity"),
	}
	if f.op.RequestBody.Value.Required {
		all = append(all, breakage{status: 400, apply: func(_ *rapid.T, g *generated) { g.setText("") }})
	}
	return all
}
