package conform

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"userapi/internal/contract"
)

// brokenBodies returns the breakages of the body: members, text, size and media type.
func (o Operation) brokenBodies() []Breakage {
	const status = http.StatusUnprocessableEntity
	var all []Breakage
	for _, name := range slices.Sorted(maps.Keys(o.Body.Properties)) {
		all = append(all, wrongValues("/"+name, o.Body.Properties[name].Value, func(r *Request, value any) { r.SetMember(name, value) })...)
		if slices.Contains(o.Body.Required, name) {
			all = append(all, Breakage{Place: "/" + name, Code: string(contract.FaultRequired), Status: status, Apply: func(_ Source, r *Request) {
				delete(r.Members, name)
			}})
		}
	}
	all = append(all, Breakage{Code: string(contract.FaultUnknownMember), Status: status, Apply: func(s Source, r *Request) {
		name := textWith(s.IntN(20), func() rune { return anyRune(s) })
		if o.Body.Properties[name] != nil {
			name += "?"
		}
		r.SetMember(name, true)
	}})
	for _, whole := range []string{"[]", "true", "7", `"text"`} {
		all = append(all, Breakage{Code: string(contract.FaultType), Status: status, Apply: func(_ Source, r *Request) { r.SetText(whole) }})
	}
	return append(all, o.brokenTexts()...)
}

// brokenTexts returns the breakages of bodies that are not JSON, or not sent as JSON.
func (o Operation) brokenTexts() []Breakage {
	text := func(status int, change func(s Source, text string) string) Breakage {
		return Breakage{Status: status, Apply: func(s Source, r *Request) {
			if r.Members == nil {
				r.Members = map[string]any{}
			}
			r.SetText(change(s, r.Content()))
		}}
	}
	inside := func(member string) func(Source, string) string {
		return func(_ Source, text string) string {
			if text == "{}" {
				return "{" + member + "}"
			}
			return "{" + member + "," + text[1:]
		}
	}
	// A member twice is sent with the value that it has, so that nothing else is wrong.
	twice := func(spell func(name string) string) Breakage {
		return Breakage{Status: http.StatusBadRequest, Apply: func(s Source, r *Request) {
			if len(r.Members) == 0 {
				r.SetMember("a", 1)
			}
			name := oneOf(s, sortedKeys(r.Members)...)
			r.SetText(inside(spell(name)+":"+inJSON(r.Members[name]))(s, r.Content()))
		}}
	}
	header := func(name string, wrong ...string) Breakage {
		return Breakage{Status: http.StatusUnsupportedMediaType, Apply: func(s Source, r *Request) {
			r.SetMember("x", 1)
			r.Headers[name] = oneOf(s, wrong...)
		}}
	}
	all := []Breakage{
		text(http.StatusBadRequest, func(s Source, text string) string { return text[:between(s, 1, len(text)-1)] }),
		text(http.StatusBadRequest, func(s Source, text string) string {
			return text + oneOf(s, "}", "{}", "x", ",", "\x00", "0", "\ufeff", "//")
		}),
		text(http.StatusBadRequest, func(_ Source, text string) string { return "\ufeff" + text }),
		twice(inJSON[string]),
		twice(func(name string) string { return fmt.Sprintf(`"\u%04x%s"`, name[0], name[1:]) }),
		text(http.StatusBadRequest, inside("\"a\":\"\xff\"")),
		text(http.StatusBadRequest, inside(`"a":"\ud800"`)),
		text(http.StatusRequestEntityTooLarge, func(s Source, text string) string {
			return text + strings.Repeat(" ", between(s, contract.MaxBody, 2*contract.MaxBody))
		}),
		header("Content-Type", "text/plain", "application/problem+json", "application/json; charset=latin1", "application/json, text/plain", "json"),
		header("Content-Encoding", "gzip", "br", "identity"),
	}
	if o.Described.RequestBody.Value.Required {
		all = append(all, Breakage{Status: http.StatusBadRequest, Apply: func(_ Source, r *Request) { r.SetText("") }})
	}
	return all
}
