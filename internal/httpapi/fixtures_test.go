package httpapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
	"userapi/internal/conform"
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

// fuzzed is an operation of the contract for which tests generate requests.
type fuzzed struct{ conform.Operation }

// generated is a request that was generated.
type generated struct{ conform.Request }

func newFuzzed(method, path string) fuzzed {
	return fuzzed{conform.NewOperation(apitest.LoadContract(), method, path)}
}

func (f fuzzed) breakages() []conform.Breakage { return f.Breakages(apitest.LoadContract()) }

func (g generated) send(t testing.TB, s *apitest.Server) apitest.Answer {
	path, body, headers := g.parts()
	return s.Send(t, g.Method, path, body, headers...)
}

// parts returns the path with the query, the body, and the headers in the form that Send takes.
func (g generated) parts() (path, body string, headers []string) {
	headers = []string{apitest.NoAuth}
	for name, value := range g.Headers {
		headers = append(headers, name+": "+value)
	}
	return g.Target(), g.Content(), headers
}

// eachFuzzed calls do for every operation. Each has a server of its own, and send inserts
// the people again before each request.
func eachFuzzed(t *testing.T, do func(t *testing.T, f fuzzed, send func(*rapid.T, generated) apitest.Answer)) {
	t.Helper()
	eachOperation(t, func(t *testing.T, method, path string, _ *openapi3.Operation) {
		t.Parallel()
		s := apitest.Start(t, apitest.Config{})
		do(t, newFuzzed(method, path), func(rt *rapid.T, g generated) apitest.Answer {
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

// drawn makes the choices of the generator with rapid, which can then repeat and shrink them.
type drawn struct{ rt *rapid.T }

// IntN implements [conform.Source].
func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.rt, "choice") }

// generate draws a request that the contract allows. Most of them succeed. If succeeding
// is set, all of them do, except those that send a condition.
func (f fuzzed) generate(rt *rapid.T, succeeding bool) generated {
	cast := conform.Cast{Actor: castOf(people.System), Target: castOf(f.target())}
	for _, p := range people.Inserted() {
		cast.Actors = append(cast.Actors, castOf(p))
	}
	cast.Targets = append(slices.Clone(cast.Actors), castOf(people.Missing))
	return generated{f.Generate(drawn{rt}, cast, succeeding)}
}

// castOf returns a person as the generator names them.
func castOf(p apitest.Person) conform.Person {
	person := conform.Person{ID: p.ID.String(), Enterprise: cmp.Or(p.Enterprise, "default"), Name: p.Name, Password: apitest.Password}
	if p.ID != people.Missing.ID {
		person.Token = p.Token()
	}
	return person
}

// target returns the user for whom the operation succeeds.
func (f fuzzed) target() apitest.Person {
	if f.ID() == "deleteAdministrator" {
		return people.Admin
	}
	return people.User
}
