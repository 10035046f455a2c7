package httpapi_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// isInScope reports whether a scope has the target. It is written apart from the policy.
func isInScope(scope directory.Scope, actor, target apitest.Person) bool {
	switch scope {
	case directory.ScopeEveryone:
		return target != people.Missing
	case directory.ScopeEnterprise:
		return target.Role != directory.RoleSystemAdministrator && target.Enterprise == actor.Enterprise
	case directory.ScopeOneself:
		return target == actor
	default:
		return false
	}
}

// isVisible reports whether the actor can know of the target.
func isVisible(actor, target apitest.Person) bool {
	return isInScope(map[directory.Role]directory.Scope{
		directory.RoleUser:                directory.ScopeOneself,
		directory.RoleAdministrator:       directory.ScopeEnterprise,
		directory.RoleSystemAdministrator: directory.ScopeEveryone,
	}[actor.Role], actor, target)
}

// attempt is a request about a target.
type attempt struct {
	op                 directory.Operation
	method, path, body string
	fields             []directory.Field
	status             int // the status if the policy allows it
}

// attemptsOn returns the requests about a target: every operation, and every member of updateUser.
func attemptsOn(t *testing.T, actor, target apitest.Person) []attempt {
	t.Helper()
	path := target.Path()
	all := []attempt{
		{directory.OperationGetUser, "GET", path, "", nil, 200},
		{directory.OperationUpdateUser, "PUT", path, "", nil, 200},
		{directory.OperationListUserEvents, "GET", path + "/audit", "", nil, 200},
		{
			directory.OperationChangePassword, "PUT", path + "/changepwd",
			target.NewPassword("new password"),
			[]directory.Field{directory.FieldPassword},
			200,
		},
	}
	for member := range apitest.Contract().Components.Schemas["UpdateUser"].Value.Properties {
		value, err := json.Marshal(differingValues(t, "updateUser", member)[1])
		require.NoError(t, err)
		field, body := directory.Field(member), fmt.Sprintf(`%q:%s`, member, value)
		single := attempt{directory.OperationUpdateUser, "PUT", path, "{" + body + "}", []directory.Field{field}, 200}
		if field == directory.FieldIsActive && target == actor {
			single.status = 409
		}
		all = append(all, single)
		if field != directory.FieldPhone {
			pair := single
			pair.body, pair.fields = `{"phone":"1",`+body+`}`, append(pair.fields, directory.FieldPhone)
			all = append(all, pair)
		}
	}
	deleted := attempt{directory.OperationDeleteUser, "DELETE", path, "", nil, 204}
	appointed := attempt{
		directory.OperationCreateAdministrator, "POST", "/openapi/v1/administrators",
		target.Appointment(cmp.Or(target.Enterprise, "default")), nil, 201,
	}
	dismissed := attempt{directory.OperationDeleteAdministrator, "DELETE", target.AdministratorPath(), "", nil, 204}
	if target.Role == directory.RoleSystemAdministrator {
		appointed.status = 409
	}
	if target.Role != directory.RoleAdministrator {
		dismissed.status = 404
	}
	if target == actor {
		deleted.status, dismissed.status = 409, 409
	}
	return append(all, deleted, appointed, dismissed)
}

// The API keeps every rule of the policy, for every kind of actor and target and for every
// member. A refused request changes nothing, and a hidden user looks like a missing one.
func TestPolicyTable(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.DB.InsertPeople(t)
	notFound := s.Send(t, "GET", people.Missing.Path(), "").WithoutRequestID(t)
	changed := false
	for _, actor := range []apitest.Person{people.User, people.Admin, people.System} {
		for _, target := range append(people.Inserted(), people.Missing) {
			for _, a := range attemptsOn(t, actor, target) {
				if changed {
					s.DB.InsertPeople(t)
				}
				before := s.DB.State(t)
				rule, listed := directory.RuleOf(a.op, actor.Role)
				refused := slices.ContainsFunc(a.fields, func(f directory.Field) bool { return !slices.Contains(rule.Fields, f) })
				want := a.status
				switch {
				case !listed:
					want = 403
				case !isVisible(actor, target):
					want = 404
				case !isInScope(rule.Scope, actor, target), refused:
					want = 403
				}
				answer := s.Send(t, a.method, a.path, a.body, actor.Auth())
				about := fmt.Sprintf("%s of %+v by %+v with %s", a.op, target, actor, a.body)
				require.Equal(t, want, answer.Status, "%s\n%s", about, answer.Body)
				if answer.Status == 404 {
					require.Equal(t, notFound, answer.WithoutRequestID(t), about)
				}
				now := s.DB.State(t)
				if changed = now != before; changed {
					require.Less(t, answer.Status, 300, about)
				}
			}
		}
	}
}

// enterpriseAttempts are the requests that are about an enterprise or about the actor.
var enterpriseAttempts = []struct {
	op                 directory.Operation
	method, path, body string
	enterprise         string // "": the request names none
	allowed            int
}{
	{directory.OperationListUsers, "GET", "/openapi/v1/users", "", "", 200},
	{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators", "", "", 200},
	{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators?eid=default", "", "default", 200},
	{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators?eid=other", "", "other", 200},
	{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators?eid=Default", "", "Default", 200},
	{directory.OperationCreateUser, "POST", "/openapi/v1/users", apitest.NewUser("default", "new"), "default", 201},
	{directory.OperationCreateUser, "POST", "/openapi/v1/users", apitest.NewUser("other", "new"), "other", 201},
	{directory.OperationChangeOwnPassword, "PUT", "/openapi/v1/changepwd", apitest.NewPassword("new password"), "", 200},
	{directory.OperationDeleteAuthToken, "DELETE", "/openapi/v1/auth-token", "", "", 204},
}

// The API keeps the rules that are about an enterprise or about the actor.
func TestPolicyOfEnterprises(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, actor := range []apitest.Person{people.User, people.Admin, people.System} {
		for _, c := range enterpriseAttempts {
			s.DB.InsertPeople(t)
			rule, listed := directory.RuleOf(c.op, actor.Role)
			want := c.allowed
			if !listed || c.enterprise != "" && rule.Scope != directory.ScopeEveryone && c.enterprise != actor.Enterprise {
				want = 403
			}
			answer := s.Send(t, c.method, c.path, c.body, actor.Auth())
			require.Equal(t, want, answer.Status, "%+v by %+v: %s", c, actor, answer.Body)
		}
	}
}

// Every operation that needs a token is tried here. Add a new one to attemptsOn or to
// enterpriseAttempts.
func TestPolicyOfEveryOperationIsTried(t *testing.T) {
	tried := map[directory.Operation]bool{}
	for _, a := range attemptsOn(t, people.System, people.User) {
		tried[a.op] = true
	}
	for _, a := range enterpriseAttempts {
		tried[a.op] = true
	}
	eachOperation(t, func(t *testing.T, _, _ string, op *openapi3.Operation) {
		if op.Security == nil {
			require.True(t, tried[directory.Operation(op.OperationID)], "no test tries the policy of %s", op.OperationID)
		}
	})
}
