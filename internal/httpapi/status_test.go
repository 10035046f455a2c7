package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/httpapi/apitest"
)

// failingStore fails whatever is asked of it, once it is known who asks.
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

func (f failingStore) Change(context.Context, directory.Principal, directory.UserID, directory.Plan) (directory.User, error) {
	return directory.User{}, f.err
}

// Each operation answers each status that the contract gives it. A status for which
// no way is known here fails the test.
func TestEveryStatusIsReached(t *testing.T) {
	limited := apitest.Config{RateLimit: 1, LogInLimit: 1}
	failing := func(err error) apitest.Config {
		return apitest.Config{Store: func(s directory.Store) directory.Store { return failingStore{s, err} }}
	}
	configs := map[string]apitest.Config{
		"429": limited,
		"500": failing(errors.New("a fault")),
		"503": failing(&directory.Error{Code: directory.CodeUnavailable}),
	}
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		t.Parallel()
		f := newFuzzed(method, path, op)
		usual := apitest.Start(t, apitest.Config{})
		for documented := range op.Responses.Map() {
			t.Run(documented, func(t *testing.T) {
				status, err := strconv.Atoi(documented)
				require.NoError(t, err)
				s := usual
				if config, special := configs[documented]; special {
					s = apitest.Start(t, config)
				}
				insertPeopleWhoLogIn(t, s.SQL(t))
				g := f.example()
				way(t, f, s, status, &g)
				answer := g.send(t, s)
				require.Equal(t, status, answer.Status, "%s\n%+v", answer.Body, g)
				if status >= 400 && reachedByStatus(status) {
					requireExample(t, op.Responses.Status(status).Value, answer)
				}
			})
		}
	})
}

// example is a request that succeeds, after the examples in the contract.
func (f fuzzed) example() generated {
	g := generated{method: f.method, path: f.path, query: url.Values{}, headers: map[string]string{}}
	g.path = strings.ReplaceAll(g.path, "{user_id}", fmt.Sprint(f.target().id))
	if f.op.Security == nil {
		g.headers["Authorization"] = people[4].token()
	}
	if f.body != nil {
		for _, example := range f.op.RequestBody.Value.Content["application/json"].Examples {
			g.members = maps.Clone(example.Value.Value.(map[string]any))
		}
		g.headers["Content-Type"] = "application/json"
		f.keepRules(g.members, f.target())
	}
	return g
}

// way changes a request, and what it meets, so that it is answered with a status.
func way(t *testing.T, f fuzzed, s *apitest.Server, status int, g *generated) {
	t.Helper()
	reads := func(place string) bool {
		for _, p := range f.op.Parameters {
			if p.Value.In == place {
				return true
			}
		}
		return false
	}
	switch status {
	case 200, 201, 204, 500, 503:
	case 304:
		g.headers["If-None-Match"] = "*"
	case 400:
		if reads("header") {
			g.headers["If-None-Match"] = "x"
		} else {
			g.setText("{")
		}
	case 401:
		g.headers["Authorization"] = "unknown"
		if f.op.Security != nil {
			g.members["password"] = "wrong"
		}
	case 403:
		forbid(t, f, s, g)
	case 404:
		g.path = strings.Replace(f.path, "{user_id}", "99", 1)
		if f.body != nil {
			f.keepRules(g.members, missing)
		}
	case 409:
		conflict(t, f, s, g)
	case 412:
		g.headers["If-Match"] = `"99"`
	case 413:
		g.setText(strings.Repeat(" ", 1<<16+1))
	case 415:
		g.headers["Content-Type"] = "text/plain"
	case 422:
		if reads("query") {
			g.query.Set("page", "0")
		} else {
			g.setMember("x", 1)
		}
	case 429:
		if f.op.Security == nil {
			s.Send(t, "GET", "/openapi/v1/users/6", "", "Authorization: "+g.headers["Authorization"])
		} else {
			g.members["password"] = "wrong"
			g.send(t, s)
		}
	default:
		require.Fail(t, "no way is known", status)
	}
}

// forbid lets a user without a role ask, or one whose log-in is old.
func forbid(t *testing.T, f fuzzed, s *apitest.Server, g *generated) {
	t.Helper()
	g.headers["Authorization"] = people[0].token()
	switch f.op.OperationID {
	case "updateUser":
		g.members["enterprise_id"] = "other"
	case "changeOwnPassword":
		apitest.Exec(t, s.SQL(t), `UPDATE tokens SET kind = 'login'`)
	}
}

// conflict lets a user do it to themselves, or with what is taken.
func conflict(t *testing.T, f fuzzed, s *apitest.Server, g *generated) {
	t.Helper()
	switch f.op.OperationID {
	case "createUser":
		g.members["nick_name"] = "N3"
	case "updateUser", "deleteUser", "deleteAdministrator":
		g.path = strings.Replace(f.path, "{user_id}", "6", 1)
		if g.members != nil {
			g.members = map[string]any{"is_active": nil}
		}
	case "createAdministrator":
		g.members["eid"] = "other"
	case "deleteAuthToken":
		apitest.Exec(t, s.SQL(t), `UPDATE tokens SET kind = 'operator'`)
	}
}
