package httpapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
	"userapi/internal/contract"
)

// people are the people whom InsertPeople inserts, and two others.
var people = apitest.People()

// eachOperation calls do for every operation of the contract, in a subtest of its own.
func eachOperation(t *testing.T, do func(t *testing.T, method, path string, op *openapi3.Operation)) {
	t.Helper()
	for path, item := range apitest.Contract().Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(op.OperationID, func(t *testing.T) { do(t, method, path, op) })
		}
	}
}

// problemExamples returns the examples of a response in the contract by name. A single one has the name "".
func problemExamples(documented *openapi3.Response) map[string]any {
	content, all := documented.Content["application/problem+json"], map[string]any{}
	for name, example := range content.Examples {
		all[name] = example.Value.Value
	}
	if content.Example != nil {
		all[""] = content.Example
	}
	return all
}

// requireExample requires the problem to be this example of the contract.
func requireExample(t *testing.T, documented any, answer apitest.Answer) {
	t.Helper()
	want, err := json.Marshal(documented)
	require.NoError(t, err)
	example := apitest.Answer{Body: string(want), Header: http.Header{"Content-Type": {"application/problem+json"}}}
	require.JSONEq(t, example.WithoutRequestID(t), answer.WithoutRequestID(t))
}

// readPage reads a page of a list. It returns the line of each of its members, and the total.
func readPage[Member any](t *testing.T, s *apitest.Server, path string, line func(Member) string, headers ...string) (lines []string, total int64) {
	t.Helper()
	answer := s.Send(t, "GET", path, "", headers...)
	require.Equal(t, 200, answer.Status, answer.Body)
	var page map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &page))
	require.NoError(t, json.Unmarshal(page["total"], &total))
	delete(page, "total")
	require.Len(t, page, 1, "a page has one list and a total")
	var members []Member
	for name, list := range page {
		require.NoError(t, json.Unmarshal(list, &members))
		require.NotNil(t, members, "%s is null and not []", name)
	}
	lines = []string{}
	for _, member := range members {
		lines = append(lines, line(member))
	}
	return lines, total
}

// bodyStates are the states of a member that a client can send, in the order of the table
// in README, each with the only body that sends it.
var bodyStates = []struct{ name, body string }{
	{"absent", `{}`},
	{"null", `{"is_active":null}`},
	{"false", `{"is_active":false}`},
	{"`\"\"`", `{"phone":""}`},
}

var userPath = regexp.MustCompile(`^/openapi/v1/users/[0-9]+$`)

// requireStates requires a client to have sent the states that README lists for it, and no
// others.
func requireStates(t *testing.T, client string, sent []apitest.Sent) {
	t.Helper()
	updates := map[string]bool{}
	for _, s := range sent {
		if s.Method == http.MethodPut && userPath.MatchString(s.Path) {
			var compact bytes.Buffer
			if json.Compact(&compact, []byte(s.Body)) == nil { // some clients put spaces into JSON
				updates[compact.String()] = true
			}
		}
	}
	row := "| " + client + " |"
	for _, state := range bodyStates {
		if updates[state.body] {
			row += " yes |"
		} else {
			row += " no |"
		}
	}
	require.Contains(t, readREADME(t), row, "sent: %v", updates)
}

func readREADME(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	return string(text)
}

// longestAddress has 254 characters: 64 before the @, and labels of up to 63 after it.
var longestAddress = strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 61)

// fuzzed is an operation of the contract for which tests generate requests.
type fuzzed struct {
	method, path string
	op           *openapi3.Operation
	parameters   openapi3.Parameters
	body         *openapi3.Schema // nil: none
}

// generated is a request that was generated.
type generated struct {
	method, path string
	query        url.Values
	headers      map[string]string
	members      map[string]any // of the body; nil: body is sent
	body         string
}

func newFuzzed(method, path string, op *openapi3.Operation) fuzzed {
	item := apitest.Contract().Paths.Value(path)
	f := fuzzed{method: method, path: path, op: op, parameters: slices.Concat(item.Parameters, op.Parameters)}
	if op.RequestBody != nil {
		f.body = op.RequestBody.Value.Content["application/json"].Schema.Value
	}
	return f
}

func (g generated) send(t testing.TB, s *apitest.Server) apitest.Answer {
	path, body, headers := g.parts(t)
	return s.Send(t, g.method, path, body, headers...)
}

// parts returns the path with the query, the body, and the headers in the form that Send takes.
func (g generated) parts(t testing.TB) (path, body string, headers []string) {
	body = g.body
	if g.members != nil {
		text, err := json.Marshal(g.members)
		require.NoError(t, err)
		body = string(text)
	}
	headers = []string{apitest.NoAuth}
	for name, value := range g.headers {
		headers = append(headers, name+": "+value)
	}
	return g.path + "?" + g.query.Encode(), body, headers
}

// eachFuzzed calls do for every operation. Each has a server of its own, and send inserts
// the people again before each request.
func eachFuzzed(t *testing.T, do func(t *testing.T, f fuzzed, send func(*rapid.T, generated) apitest.Answer)) {
	t.Helper()
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		t.Parallel()
		s := apitest.Start(t, apitest.Config{})
		do(t, newFuzzed(method, path, op), func(rt *rapid.T, g generated) apitest.Answer {
			part := &recorder{TB: t}
			s.DB.InsertPeopleWhoLogIn(part)
			answer := g.send(part, s.For(part))
			require.Empty(rt, part.errors, "%+v", g)
			return answer
		})
	})
}

// recorder keeps the errors of one request, so that rapid can repeat and shrink it.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { r.Fatal(strings.Join(r.errors, "\n")) }

func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

// drawBool draws true in one of two cases.
func drawBool(rt *rapid.T, label string) bool { return rapid.Bool().Draw(rt, label) }

// drawRarely draws true in one of 16 cases.
func drawRarely(rt *rapid.T, label string) bool {
	for range 4 {
		if !drawBool(rt, label) {
			return false
		}
	}
	return true
}

// generate draws a request that the contract allows. Most of them succeed. If succeeding
// is set, all of them do, except those that send a condition.
func (f fuzzed) generate(rt *rapid.T, succeeding bool) generated {
	actor, target := people.System, f.target()
	if !succeeding && drawRarely(rt, "another actor") {
		actor = rapid.SampledFrom(people.Inserted()).Draw(rt, "actor")
	}
	if !succeeding && drawRarely(rt, "another target") {
		target = rapid.SampledFrom(append(people.Inserted(), people.Missing)).Draw(rt, "target")
	}
	g := generated{method: f.method, path: f.path, query: url.Values{}, headers: map[string]string{}}
	if f.op.Security == nil {
		g.headers["Authorization"] = rapid.SampledFrom([]string{"Bearer ", "bearer ", "BEARER  ", ""}).Draw(rt, "scheme") + actor.Token()
	}
	for _, p := range f.parameters {
		switch name := p.Value.Name; p.Value.In {
		case "path":
			g.path = strings.ReplaceAll(g.path, "{"+name+"}", target.ID.String())
		case "query":
			if drawBool(rt, name) {
				g.query.Set(name, fmt.Sprint(valuesOf(p.Value.Schema.Value).Draw(rt, name)))
			}
		case "header":
			if drawRarely(rt, name) {
				g.headers[name] = fmt.Sprint(valuesOf(p.Value.Schema.Value).Draw(rt, name))
			}
		}
	}
	if f.body == nil || !f.op.RequestBody.Value.Required && drawRarely(rt, "no body") {
		return g
	}
	g.headers["Content-Type"] = rapid.SampledFrom([]string{
		"application/json", "Application/JSON", `application/json; charset="utf-8"`, "application/json;charset=UTF-8",
	}).Draw(rt, "media type")
	g.members = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(f.body.Properties)) {
		if slices.Contains(f.body.Required, name) || drawBool(rt, name) {
			g.members[name] = valuesOf(f.body.Properties[name].Value).Draw(rt, name)
		}
	}
	if succeeding || !drawRarely(rt, "no rules") {
		f.keepRules(g.members, target)
	}
	return g
}

// target returns the user for whom the operation succeeds.
func (f fuzzed) target() apitest.Person {
	if f.op.OperationID == "deleteAdministrator" {
		return people.Admin
	}
	return people.User
}

// keepRules changes members so that they keep the rules in the description of the operation.
func (f fuzzed) keepRules(members map[string]any, target apitest.Person) {
	switch f.op.OperationID {
	case "changePassword":
		members["user_id"], members["password1"] = target.ID, members["password"]
	case "changeOwnPassword":
		members["password1"] = members["password"]
	case "createAdministrator":
		members["user_id"], members["eid"] = target.ID.String(), cmp.Or(target.Enterprise, "default")
	case "createAuthToken":
		members["username"], members["password"] = target.Enterprise+"/"+strings.ToUpper(target.Name), apitest.Password
	}
}

// characterClass matches patterns of any number of characters of one class.
var characterClass = regexp.MustCompile(`^\^(\[.*\])[*+]\$$`)

// valuesOf generates values that a schema allows.
func valuesOf(schema *openapi3.Schema) *rapid.Generator[any] {
	switch {
	case schema.Nullable:
		required := *schema
		required.Nullable = false
		return rapid.OneOf(valuesOf(&required), rapid.Just[any](nil))
	case schema.Type.Is("boolean"):
		return rapid.Bool().AsAny()
	case schema.Type.Is("integer"):
		return rapid.Int64Range(int64(*schema.Min), int64(*schema.Max)).AsAny()
	case schema.Pattern == "":
		return rapid.StringN(int(schema.MinLength), int(*schema.MaxLength), -1).AsAny()
	}
	return textsOf(schema, int(schema.MinLength), int(*schema.MaxLength)).AsAny()
}

// textsOf generates strings that match the pattern of a schema. Their lengths are between
// shortest and longest, and often one of these.
func textsOf(schema *openapi3.Schema, shortest, longest int) *rapid.Generator[string] {
	if match := characterClass.FindStringSubmatch(schema.Pattern); match != nil {
		fits := func(text string) bool { return contract.FitsForm(schema, text) }
		between := func(a, b int) *rapid.Generator[string] {
			switch schemas := apitest.Contract().Components.Schemas; schema.Extensions["x-form"] {
			case schemas["NickName"].Value.Extensions["x-form"]:
				return rapid.OneOf(namesIn(a, b, leftToRight...), namesIn(a, b, rightToLeft...)).Filter(fits)
			case schemas["Password"].Value.Extensions["x-form"]:
				character := rapid.Rune().Filter(func(r rune) bool { return fits(strings.Repeat(string(r), int(schema.MinLength))) })
				return rapid.StringOfN(character, a, b, -1).Filter(fits)
			}
			most := min(b, 1000) // that regexp allows
			return rapid.StringMatching(fmt.Sprintf("^%s{%d,%d}$", match[1], a, most)).Filter(fits)
		}
		return rapid.OneOf(between(shortest, longest), between(shortest, longest), between(shortest, shortest), between(longest, longest))
	}
	fitting := rapid.StringMatching(schema.Pattern).Filter(func(text string) bool {
		length := utf8.RuneCountInString(text)
		return shortest <= length && length <= longest && (schema.Format != "email" || strings.IndexByte(text, '@') <= 64)
	})
	if schema.Format != "email" {
		return fitting
	}
	return rapid.OneOf(fitting, fitting, fitting, rapid.Just(longestAddress))
}

// The scripts of which names are generated. A name has letters of one direction only.
var (
	leftToRight = []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Devanagari, unicode.Han, unicode.Katakana, unicode.Hangul}
	rightToLeft = []*unicode.RangeTable{unicode.Arabic, unicode.Hebrew}
)

// namesIn generates names in these scripts. Most of them fit the form of NickName.
func namesIn(shortest, longest int, scripts ...*unicode.RangeTable) *rapid.Generator[string] {
	name := apitest.Contract().Components.Schemas["NickName"].Value
	letter := rapid.RuneFrom(nil, scripts...).Filter(func(r rune) bool { return unicode.IsLetter(r) && contract.FitsForm(name, string(r)) })
	return rapid.StringOfN(rapid.OneOf(letter, letter, rapid.RuneFrom([]rune("azAZ019!-_.~"))), shortest, longest, -1)
}

func (g *generated) setMember(name string, value any) {
	if g.members == nil {
		g.members = map[string]any{}
		g.headers["Content-Type"] = "application/json"
	}
	g.members[name] = value
}

func (g *generated) setText(text string) {
	g.headers["Content-Type"] = "application/json"
	g.members, g.body = nil, text
}
