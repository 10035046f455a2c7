package httpapi_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
)

// fuzzed generates requests for one operation from the contract.
type fuzzed struct {
	method, path string
	op           *openapi3.Operation
	parameters   openapi3.Parameters
	body         *openapi3.Schema // nil: none
}

// generated is a request that the fuzzer has made.
type generated struct {
	method, path string
	query        url.Values
	headers      map[string]string
	members      map[string]any // of the body
	body         string         // is sent if there are no members
}

func newFuzzed(method, path string, op *openapi3.Operation) fuzzed {
	item := apitest.Contract().Paths.Value(path)
	f := fuzzed{method: method, path: path, op: op, parameters: slices.Concat(item.Parameters, op.Parameters)}
	if op.RequestBody != nil {
		f.body = op.RequestBody.Value.Content["application/json"].Schema.Value
	}
	return f
}

// eachFuzzed calls do for every operation with a server of its own, on which InsertPeople
// has made everyone anew for every case.
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

// recorder keeps what a part of a test finds wrong, for rapid to repeat and to shrink.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { r.Fatal(strings.Join(r.errors, "\n")) }

func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

func (g generated) send(t testing.TB, s *apitest.Server) apitest.Answer {
	if g.members != nil {
		text, err := json.Marshal(g.members)
		require.NoError(t, err)
		g.body = string(text)
	}
	headers := []string{apitest.NoAuth}
	for name, value := range g.headers {
		headers = append(headers, name+": "+value)
	}
	return s.Send(t, g.method, g.path+"?"+g.query.Encode(), g.body, headers...)
}

// coin falls on true every other time.
func coin(rt *rapid.T, label string) bool { return rapid.Bool().Draw(rt, label) }

// rarely is true every sixteenth time.
func rarely(rt *rapid.T, label string) bool {
	for range 4 {
		if !coin(rt, label) {
			return false
		}
	}
	return true
}

// generate makes a request that the contract allows. Most of them succeed; if succeeding
// is asked for, all but those do that send a condition.
func (f fuzzed) generate(rt *rapid.T, succeeding bool) generated {
	actor, target := people.System, f.target()
	if !succeeding && rarely(rt, "another actor") {
		actor = rapid.SampledFrom(people.Inserted()).Draw(rt, "actor")
	}
	if !succeeding && rarely(rt, "another target") {
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
			if coin(rt, name) {
				g.query.Set(name, fmt.Sprint(values(p.Value.Schema.Value).Draw(rt, name)))
			}
		case "header":
			if rarely(rt, name) {
				g.headers[name] = fmt.Sprint(values(p.Value.Schema.Value).Draw(rt, name))
			}
		}
	}
	if f.body == nil || !f.op.RequestBody.Value.Required && rarely(rt, "no body") {
		return g
	}
	g.headers["Content-Type"] = rapid.SampledFrom([]string{
		"application/json", "Application/JSON", `application/json; charset="utf-8"`, "application/json;charset=UTF-8",
	}).Draw(rt, "media type")
	g.members = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(f.body.Properties)) {
		if slices.Contains(f.body.Required, name) || coin(rt, name) {
			g.members[name] = values(f.body.Properties[name].Value).Draw(rt, name)
		}
	}
	if succeeding || !rarely(rt, "no rules") {
		f.keepRules(g.members, target)
	}
	return g
}

// target is the user whom the operation succeeds with.
func (f fuzzed) target() apitest.Person {
	if f.op.OperationID == "deleteAdministrator" {
		return people.Admin
	}
	return people.User
}

// keepRules changes members as the descriptions of the operations ask.
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

// class is a pattern of one class of characters, any number of them.
var class = regexp.MustCompile(`^\^(\[.*\])[*+]\$$`)

// values generates what a schema allows.
func values(schema *openapi3.Schema) *rapid.Generator[any] {
	switch {
	case schema.Nullable:
		required := *schema
		required.Nullable = false
		return rapid.OneOf(values(&required), rapid.Just[any](nil))
	case schema.Type.Is("boolean"):
		return rapid.Bool().AsAny()
	case schema.Type.Is("integer"):
		return rapid.Int64Range(int64(*schema.Min), int64(*schema.Max)).AsAny()
	case schema.Pattern == "":
		return rapid.StringN(int(schema.MinLength), int(*schema.MaxLength), -1).AsAny()
	}
	return texts(schema, int(schema.MinLength), int(*schema.MaxLength)).AsAny()
}

// texts generates strings that fit the pattern of a schema, between two lengths, and
// often of just these.
func texts(schema *openapi3.Schema, shortest, longest int) *rapid.Generator[string] {
	pattern := regexp.MustCompile(`\\u([0-9A-F]{4})`).ReplaceAllString(schema.Pattern, `\x{$1}`)
	if of := class.FindStringSubmatch(pattern); of != nil {
		between := func(a, b int) *rapid.Generator[string] {
			return rapid.StringMatching(fmt.Sprintf("^%s{%d,%d}$", of[1], a, min(b, 1000))) // regexp repeats no more
		}
		return rapid.OneOf(between(shortest, longest), between(shortest, longest), between(shortest, shortest), between(longest, longest))
	}
	fitting := rapid.StringMatching(pattern).Filter(func(text string) bool {
		length := utf8.RuneCountInString(text)
		return shortest <= length && length <= longest && (schema.Format != "email" || strings.IndexByte(text, '@') <= 64)
	})
	if schema.Format != "email" {
		return fitting
	}
	return rapid.OneOf(fitting, fitting, fitting, rapid.Just(longestAddress))
}

// What the contract allows succeeds, or meets what the contract gives a status of its own.
func TestFuzzValidRequests(t *testing.T) {
	eachFuzzed(t, func(t *testing.T, f fuzzed, send func(*rapid.T, generated) apitest.Answer) {
		sent, succeeded := 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			g := f.generate(rt, false)
			answer := send(rt, g)
			sent++
			switch answer.Status {
			case 200, 201, 204, 304:
				succeeded++
				requireAnswered(rt, g, answer)
			case 401:
				require.NotNil(rt, f.op.Security, "%+v", g)
			case 422:
				for _, fault := range answer.Faults(t) {
					require.True(rt, strings.HasSuffix(fault, " mismatch"), "%s: %+v", fault, g)
				}
			default:
				require.Contains(rt, []int{403, 404, 409, 412}, answer.Status, "%s: %+v", answer.Body, g)
			}
		})
		t.Logf("%d of %d valid requests succeeded", succeeded, sent)
		require.Positive(t, sent)
		require.GreaterOrEqual(t, succeeded*10, sent*7, "of %d valid requests only %d succeeded", sent, succeeded)
	})
}

// requireAnswered wants the members that an answer has in common with its request to be
// as they were sent.
func requireAnswered(rt *rapid.T, g generated, answer apitest.Answer) {
	var got map[string]any
	if g.members == nil || answer.Status == 204 {
		return
	}
	require.NoError(rt, json.Unmarshal([]byte(answer.Body), &got))
	sent, err := json.Marshal(g.members)
	require.NoError(rt, err)
	var want map[string]any
	require.NoError(rt, json.Unmarshal(sent, &want))
	for member, value := range want {
		if answered, there := got[member]; there {
			require.Equal(rt, value, answered, "%s of %+v", member, g)
		}
	}
}
