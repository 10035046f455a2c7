package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/conform"
	"userapi/internal/directory"
)

// failingStore finds the principal of a token, but the methods below fail with err.
type failingStore struct {
	directory.Store
	err error
}

func (f failingStore) User(context.Context, directory.UserID) (directory.User, error) {
	return directory.User{}, f.err
}

func (f failingStore) Account(context.Context, directory.LogInName) (directory.Account, error) {
	return directory.Account{}, f.err
}

func (f failingStore) Users(context.Context, directory.UserFilter, directory.Page) ([]directory.User, int64, error) {
	return nil, 0, f.err
}

func (f failingStore) Events(context.Context, directory.EventFilter, directory.Page) ([]directory.Event, int64, error) {
	return nil, 0, f.err
}

func (f failingStore) Facts(context.Context, directory.Principal, directory.UserID) (directory.Facts, error) {
	return directory.Facts{}, f.err
}

func (f failingStore) Change(context.Context, directory.Principal, directory.UserID, directory.Decide) (directory.User, error) {
	return directory.User{}, f.err
}

// failWith returns the Config of a server whose store fails with err.
func failWith(err error) apitest.Config {
	return apitest.Config{Store: func(s directory.Store) directory.Store { return failingStore{s, err} }}
}

// Each operation answers with each status that the contract lists for it. The test fails if
// it does not know how to provoke a status. Afterwards, a server that had answered all of them would have fewer than
// maxMetricLines lines of metrics.
func TestEveryStatusIsReached(t *testing.T) {
	configs := map[string]apitest.Config{
		"429": {RateLimit: 1, LogInLimit: 1, Clock: apitest.NewClock()},
		"500": failWith(errors.New("a fault")),
		"503": failWith(&directory.Error{Code: directory.CodeUnavailable}),
	}
	var metrics metricLines
	t.Run("all", func(t *testing.T) {
		eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
			t.Parallel()
			f := newFuzzed(method, path)
			usual := apitest.Start(t, apitest.Config{})
			for documented := range op.Responses.Map() {
				t.Run(documented, func(t *testing.T) {
					status, err := strconv.Atoi(documented)
					require.NoError(t, err)
					s := usual
					if config, special := configs[documented]; special {
						s = apitest.Start(t, config)
					}
					ask := func() apitest.Answer {
						s.DB.InsertPeopleWhoLogIn(t)
						g := f.example()
						provoke(t, f, s, status, &g)
						return g.send(t, s)
					}
					begin, answer := time.Now(), ask()
					for tries := 1; status == 429 && answer.Status != 429; tries++ {
						require.LessOrEqual(t, float64(tries), time.Since(begin).Seconds(), "two requests of one token succeeded within a second")
						answer = ask()
					}
					require.Equal(t, status, answer.Status, answer.Body)
					if status >= 400 && hasOneExample(op.Responses.Status(status).Value) {
						requireExample(t, problemExamples(op.Responses.Status(status).Value)[""], answer)
					}
					metrics.add(s.Metrics(t))
				})
			}
		})
	})
	t.Logf("%d lines of metrics", len(metrics.lines))
	require.Less(t, len(metrics.lines), maxMetricLines)
}

// maxMetricLines is what the manual promises.
const maxMetricLines = 1500

// metricLines are the lines of metrics of several servers, without their values. It is safe for concurrent use.
type metricLines struct {
	mutex sync.Mutex
	lines map[string]bool
}

func (m *metricLines) add(metrics string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.lines == nil {
		m.lines = map[string]bool{}
	}
	for line := range strings.Lines(metrics) {
		if !strings.HasPrefix(line, "#") {
			line = line[:strings.LastIndex(line, " ")]
		}
		m.lines[line] = true
	}
}

// The examples that TestEveryStatusIsReached does not compare are right.
func TestExamplesOfProblems(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob, administrator := s.CreateUser(t, "ada"), s.CreateUser(t, "bob"), s.CreateUser(t, "administrator")
	s.Appoint(t, administrator)
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"email":"ada@example.com"}`).Status)
	asAda, asAdministrator := apitest.Auth(s.CreateToken(t, ada)), apitest.Auth(s.CreateToken(t, administrator))
	newUser := apitest.NewUser("other", "x", `"email":"ada@example.com"`)
	answers := map[string]apitest.Answer{
		"BadRequest body":           s.Send(t, "PUT", ada.Path(), "{"),
		"BadRequest header":         s.Send(t, "PUT", ada.Path(), "{}", "If-None-Match: x"),
		"Forbidden role":            s.Send(t, "GET", "/openapi/v1/users", "", asAda),
		"Forbidden enterprise":      s.Send(t, "POST", "/openapi/v1/users", newUser, asAdministrator),
		"ForbiddenAppointment role": s.Send(t, "POST", "/openapi/v1/administrators", ada.Appointment("default"), asAda),
		"ForbiddenAppointment eid":  s.Send(t, "POST", "/openapi/v1/administrators", ada.Appointment("other"), asAdministrator),
		"ForbiddenRemoval role":     s.Send(t, "DELETE", administrator.AdministratorPath(), "", asAda),
		"ForbiddenChange role":      s.Send(t, "PUT", ada.Path()+"/changepwd", ada.NewPassword("battery staple"), asAda),
		"ForbiddenChange member":    s.Send(t, "PUT", ada.Path(), `{"enterprise_id":"x"}`, asAda),
		"Conflict ":                 s.Send(t, "PUT", bob.Path(), `{"email":"ada@example.com"}`),
		"Taken ":                    s.Send(t, "POST", "/openapi/v1/users", newUser),
		"LastAdministrator ":        s.Send(t, "DELETE", administrator.Path(), "", asAdministrator),
		"NotAppointable ":           s.Send(t, "POST", "/openapi/v1/administrators", ada.Appointment("other")),
		"InvalidRequest body":       s.Send(t, "PUT", ada.Path(), `{"nickname":"ada"}`),
		"InvalidRequest query":      s.Send(t, "GET", "/openapi/v1/users?page=0", ""),
	}
	s.DB.SetTokenKind(t, people.First, directory.TokenOperator)
	answers["OperatorToken "] = s.Send(t, "DELETE", "/openapi/v1/auth-token", "")
	s.DB.SetTokenKind(t, ada, directory.TokenLogIn)
	answers["ReauthenticationRequired "] = s.Send(t, "PUT", "/openapi/v1/changepwd", apitest.NewPassword("battery staple"), asAda)
	for _, response := range []string{"ForbiddenChange", "ForbiddenAppointment", "ForbiddenRemoval"} {
		answers[response+" log_in"] = answers["ReauthenticationRequired "]
	}
	for response, documented := range apitest.Contract().Components.Responses {
		if hasOneExample(documented.Value) {
			continue
		}
		for name, example := range problemExamples(documented.Value) {
			key := response + " " + name
			require.Contains(t, answers, key)
			requireExample(t, example, answers[key])
		}
	}
}

// hasOneExample reports whether TestEveryStatusIsReached gets the same problem from every
// operation that has this response.
func hasOneExample(documented *openapi3.Response) bool {
	problem, single := problemExamples(documented)[""].(map[string]any)
	return single && problem["status"] != 403.0 && problem["status"] != 409.0
}

// example returns a request that succeeds, made from the examples of the contract.
func (f fuzzed) example() generated {
	g := generated{conform.Request{Method: f.Method, Path: f.Path, Query: url.Values{}, Headers: map[string]string{}}}
	g.Path = strings.ReplaceAll(g.Path, "{user_id}", f.target().ID.String())
	if f.Described.Security == nil {
		g.Headers["Authorization"] = people.System.Token()
	}
	if f.Body != nil {
		examples := f.Described.RequestBody.Value.Content["application/json"].Examples
		last := slices.Max(slices.Collect(maps.Keys(examples)))
		g.Members = maps.Clone(examples[last].Value.Value.(map[string]any))
		g.Headers["Content-Type"] = "application/json"
		f.KeepRules(g.Members, castOf(f.target()))
	}
	return g
}

// provoke changes a request, or the server, so that the request is answered with a status.
func provoke(t *testing.T, f fuzzed, s *apitest.Server, status int, g *generated) {
	t.Helper()
	reads := func(place string) bool {
		for _, p := range f.Described.Parameters {
			if p.Value.In == place {
				return true
			}
		}
		return false
	}
	switch status {
	case 200, 201, 204, 500, 503:
	case 304:
		g.Headers["If-None-Match"] = "*"
	case 400:
		if reads("header") {
			g.Headers["If-None-Match"] = "x"
		} else {
			g.SetText("{")
		}
	case 401:
		g.Headers["Authorization"] = "unknown"
		if f.Described.Security != nil {
			g.Members["password"] = "wrong"
		}
	case 403:
		provokeForbidden(t, f, s, g)
	case 404:
		g.Path = strings.Replace(f.Path, "{user_id}", people.Missing.ID.String(), 1)
		if f.Body != nil {
			f.KeepRules(g.Members, castOf(people.Missing))
		}
	case 409:
		provokeConflict(t, f, s, g)
	case 412:
		g.Headers["If-Match"] = `"99"`
	case 413:
		g.SetText(strings.Repeat(" ", 1<<16+1))
	case 415:
		g.Headers["Content-Type"] = "text/plain"
	case 422:
		if reads("query") {
			g.Query.Set("page", "0")
		} else {
			g.SetMember("nickname", "ada")
		}
	case 429:
		if f.Described.Security == nil {
			s.Send(t, "GET", people.System.Path(), "", people.System.Auth())
		} else {
			g.Members["password"] = "wrong"
			g.send(t, s)
		}
	default:
		require.Fail(t, "the test does not know how to provoke this status", status)
	}
}

// provokeForbidden sends the request as a user without rights, or with an old log-in.
func provokeForbidden(t *testing.T, f fuzzed, s *apitest.Server, g *generated) {
	t.Helper()
	g.Headers["Authorization"] = people.User.Token()
	switch f.ID() {
	case "updateUser":
		g.Members["enterprise_id"] = "other"
	case "changeOwnPassword":
		s.DB.SetTokenKind(t, people.User, directory.TokenLogIn)
	}
}

// provokeConflict sends the request about the actor, or with a value that is taken.
func provokeConflict(t *testing.T, f fuzzed, s *apitest.Server, g *generated) {
	t.Helper()
	switch f.ID() {
	case "createUser":
		g.Members["nick_name"] = strings.ToUpper(people.OtherUser.Name)
	case "updateUser", "deleteUser", "deleteAdministrator":
		g.Path = strings.Replace(f.Path, "{user_id}", people.System.ID.String(), 1)
		if g.Members != nil {
			g.Members = map[string]any{"is_active": nil}
		}
	case "createAdministrator":
		g.Members["eid"] = "other"
	case "deleteAuthToken":
		s.DB.SetTokenKind(t, people.System, directory.TokenOperator)
	}
}

// Each parameter of a query changes the answer, except if its value is the default.
func TestEveryParameterMatters(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.DB.InsertPeople(t)
	for i := range 11 {
		require.Equal(t, 200, s.Send(t, "PUT", people.First.Path(), fmt.Sprintf(`{"phone":"%d"}`, i)).Status)
	}
	values := map[string]string{"query": people.OtherUser.Name, "page": "2", "page_size": "1", "eid": "other"}
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		path = strings.ReplaceAll(path, "{user_id}", people.First.ID.String()) + "?"
		for _, p := range op.Parameters {
			if p.Value.In != "query" {
				continue
			}
			value, known := values[p.Value.Name]
			require.True(t, known, "%s needs a value here that changes the answer", p.Value.Name)
			without := s.Send(t, method, path, "").Body
			require.NotEqual(t, without, s.Send(t, method, path+p.Value.Name+"="+value, "").Body)
			if usual := p.Value.Schema.Value.Default; usual != nil {
				require.Equal(t, without, s.Send(t, method, path+fmt.Sprint(p.Value.Name, "=", usual), "").Body)
			}
		}
	})
}

// The requests here are answered with every code of the contract, and with no other.
func TestEveryCodeIsSent(t *testing.T) {
	s := apitest.Start(t, apitest.Config{LogInLimit: 1, Clock: apitest.NewClock()})
	s.DB.InsertPeople(t)
	one, two := people.First.Path(), people.User.Path()
	require.Equal(t, 200, s.Send(t, "PUT", two, `{"email":"ada@example.com"}`).Status)
	s.DB.SetTokenKind(t, people.OtherUser, directory.TokenLogIn)
	s.DB.SetTokenKind(t, people.ForeignSystem, directory.TokenOperator)
	answers := []apitest.Answer{
		s.Send(t, "PUT", one, `{`),
		s.Send(t, "PUT", one, `{"phone":"1","phone":"1"}`),
		s.Send(t, "PUT", one, ``, "If-Match: x"),
		s.Send(t, "PUT", one, `{}`, apitest.Auth("x")),
		s.LogIn(t, "x", "x"),
		s.LogIn(t, "x", "x"),
		s.Send(t, "PUT", two, `{"is_active":null}`, people.User.Auth()),
		s.Send(t, "PUT", "/openapi/v1/changepwd", apitest.NewPassword("battery staple"), people.OtherUser.Auth()),
		s.Send(t, "GET", people.Missing.Path(), ""),
		s.Send(t, "PATCH", one, ""),
		s.Send(t, "PUT", one, `{"email":"ada@example.com"}`),
		s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", strings.ToUpper(people.User.Name))),
		s.Send(t, "PUT", one, `{"is_active":null}`),
		s.Send(t, "POST", "/openapi/v1/administrators", people.User.Appointment("other")),
		s.Send(t, "POST", "/openapi/v1/administrators", people.First.Appointment("default")),
		s.Send(t, "DELETE", "/openapi/v1/auth-token", "", people.ForeignSystem.Auth()),
		s.Send(t, "PUT", one, `{"phone":"1"}`, `If-Match: "99"`),
		s.Send(t, "PUT", one, strings.Repeat(" ", 1<<16+1)),
		s.Send(t, "PUT", one, "{}", "Content-Type: text/plain"),
		s.Send(t, "PUT", one, `{"x":1,"phone":7,"password":"short","is_active":"","enterprise_id":"","email":null}`),
		s.Send(t, "POST", "/openapi/v1/users", `{"email":"`+strings.Repeat("a", 65)+`@b","phone":"`+strings.Repeat("1", 33)+`"}`),
		s.Send(t, "GET", "/openapi/v1/users?page=0&page_size=101&query=a&query=b", ""),
	}
	require.Equal(t, 204, s.Send(t, "DELETE", people.ForeignAdmin.Path(), "").Status)
	answers = append(answers, s.Send(t, "DELETE", people.OtherForeignAdmin.Path(), ""))
	for _, err := range []error{errors.New("a fault"), &directory.Error{Code: directory.CodeUnavailable}} {
		answers = append(answers, apitest.Start(t, failWith(err)).Send(t, "GET", one, ""))
	}
	codes, faults := map[any]bool{}, map[any]bool{}
	for _, answer := range answers {
		codes[string(answer.Problem(t).Code)] = true
		for _, fault := range answer.Problem(t).Errors {
			faults[string(fault.Code)] = true
		}
	}
	schemas := apitest.Contract().Components.Schemas
	require.ElementsMatch(t, schemas["ProblemCode"].Value.Enum, slices.Collect(maps.Keys(codes)))
	require.ElementsMatch(t, schemas["FaultCode"].Value.Enum, slices.Collect(maps.Keys(faults)))
}

// The longest values that requests can have fit into the answers.
func TestLongestValuesAreAnswered(t *testing.T) {
	s := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	token := s.CreateTokenWith(t, people.First, strings.Repeat("t", 64), 0)
	bodies := apitest.Contract().Components.Schemas["CreateUser"].Value.Properties
	members := map[string]any{}
	for name, property := range bodies {
		switch {
		case name == "email":
			members[name] = conform.LongestAddress
		case name == "enterprise_id":
			members[name] = strings.Repeat("e", int(*property.Value.MaxLength))
		case property.Value.Type.Is("string"):
			members[name] = strings.Repeat("\U00020000", int(*property.Value.MaxLength))
		}
	}
	body, err := json.Marshal(members)
	require.NoError(t, err)
	from := "X-Forwarded-For: 2001:db8:1111:2222:3333:4444:5555:6666"
	created := s.Send(t, "POST", "/openapi/v1/users", string(body), apitest.Auth(token), from)
	require.Equal(t, 201, created.Status)
	path := created.Header.Get("Location")
	read := s.Send(t, "GET", path, "")
	for name, value := range members {
		if text, ok := value.(string); ok && name != "password" {
			require.Contains(t, read.Body, `"`+name+`":"`+text+`"`)
		}
	}
	require.Contains(t, read.Body, "2001:db8:1111:2222:3333:4444:5555:6666")
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users", "").Status)
	require.Contains(t, s.Send(t, "GET", path+"/audit", "").Body, strings.Repeat("t", 64))
}
