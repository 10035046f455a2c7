package httpapi_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// person is one of those who act in TestPolicyTable, and whom it is done to.
type person struct {
	id         int
	role       directory.Role
	enterprise string
}

const (
	user   = directory.RoleUser
	admin  = directory.RoleAdministrator
	system = directory.RoleSystemAdministrator
)

// people has two of each kind in two enterprises, so that no administrator is the last.
var people = []person{
	{2, user, "default"},
	{3, user, "default"},
	{4, admin, "default"},
	{5, admin, "default"},
	{6, system, "default"},
	{7, user, "other"},
	{8, admin, "other"},
	{9, admin, "other"},
	{10, system, "other"},
}

// missing is nobody.
var missing = person{id: 99}

func (p person) token() string { return fmt.Sprintf("token-of-%d", p.id) }

// insertPeople makes everyone but user 1 anew, each with a token.
func insertPeople(t testing.TB, db *apitest.Conn) {
	t.Helper()
	apitest.Exec(t, db, `BEGIN IMMEDIATE; DELETE FROM users WHERE id > 1`)
	for _, p := range people {
		apitest.Exec(t, db, `INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, phone, is_active, create_time)
			VALUES (?1, 1, 'n' || ?1, 'n' || ?1, ?3, ?2, '', 1, 0)`, p.id, p.role, p.enterprise)
		hash := sha256.Sum256([]byte(p.token()))
		apitest.Exec(t, db, `INSERT INTO tokens (hash, user_id, name, kind, created) VALUES (?, ?, 'x', 'made', 0)`, hash[:], p.id)
	}
	apitest.Exec(t, db, `COMMIT`)
}

// passwordHash is the hash of apitest.Password.
var passwordHash = sync.OnceValues(func() (string, error) {
	return apitest.CheapGate().Hash(context.Background(), apitest.Password)
})

// insertPeopleWhoLogIn makes everyone but user 1 anew, with apitest.Password.
func insertPeopleWhoLogIn(t testing.TB, db *apitest.Conn) {
	t.Helper()
	hash, err := passwordHash()
	require.NoError(t, err)
	insertPeople(t, db)
	apitest.Exec(t, db, `UPDATE users SET password_hash = ? WHERE id > 1`, hash)
}

// included reads the policy's scopes once more, in other words.
func included(scope directory.Scope, actor, target person) bool {
	switch scope {
	case directory.ScopeEveryone:
		return target != missing
	case directory.ScopeEnterprise:
		return target.role != system && target.enterprise == actor.enterprise
	case directory.ScopeOneself:
		return target == actor
	default:
		return false
	}
}

// seen says likewise whom a role sees.
func seen(actor, target person) bool {
	return included(map[directory.Role]directory.Scope{
		user: directory.ScopeOneself, admin: directory.ScopeEnterprise, system: directory.ScopeEveryone,
	}[actor.role], actor, target)
}

// attempted is one request about a target.
type attempted struct {
	op                 directory.Operation
	method, path, body string
	fields             []directory.Field
	allowed            int // what is answered if the policy allows it
}

// attempts are all requests that an actor can send about a target.
func attempts(actor, target person) []attempted {
	path := fmt.Sprintf("/openapi/v1/users/%d", target.id)
	all := []attempted{
		{directory.OperationGetUser, "GET", path, "", nil, 200},
		{directory.OperationUpdateUser, "PUT", path, "", nil, 200},
		{directory.OperationListUserEvents, "GET", path + "/audit", "", nil, 200},
		{
			directory.OperationChangePassword, "PUT", path + "/changepwd",
			fmt.Sprintf(`{"user_id":%d,"password":"new password","password1":"new password"}`, target.id),
			[]directory.Field{directory.FieldPassword},
			200,
		},
	}
	members := map[directory.Field]string{
		directory.FieldPassword: `"new password"`, directory.FieldEnterpriseID: `"third"`, directory.FieldEmail: `"x@example.com"`,
		directory.FieldPhone: `"1"`, directory.FieldIsActive: `false`,
	}
	for first, value := range members {
		body := fmt.Sprintf(`%q:%s`, first, value)
		single := attempted{directory.OperationUpdateUser, "PUT", path, "{" + body + "}", []directory.Field{first}, 200}
		if first == directory.FieldIsActive && target == actor {
			single.allowed = 409
		}
		all = append(all, single)
		if first != directory.FieldPhone {
			pair := single
			pair.body, pair.fields = `{"phone":"2",`+body+`}`, append(pair.fields, directory.FieldPhone)
			all = append(all, pair)
		}
	}
	deleted := attempted{directory.OperationDeleteUser, "DELETE", path, "", nil, 204}
	appointed := attempted{
		directory.OperationCreateAdministrator, "POST", "/openapi/v1/administrators",
		fmt.Sprintf(`{"user_id":"%d","eid":%q}`, target.id, max(target.enterprise, "default")), nil, 201,
	}
	dismissed := attempted{directory.OperationDeleteAdministrator, "DELETE", fmt.Sprintf("/openapi/v1/administrators/%d", target.id), "", nil, 204}
	if target.role == system {
		appointed.allowed = 409
	}
	if target.role != admin {
		dismissed.allowed = 404
	}
	if target == actor {
		deleted.allowed, dismissed.allowed = 409, 409
	}
	return append(all, deleted, appointed, dismissed)
}

// Every rule of the policy, for every kind of actor and target and every member, asked
// through the front door. What is refused has changed nothing, and a hidden user is as
// a missing one.
func TestPolicyTable(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	db := s.SQL(t)
	state := func() string {
		return apitest.Value(t, db, `SELECT group_concat(concat_ws('|', id, version, enterprise_id, role, email, phone, is_active, password_hash),
			char(10)) || (SELECT '|' || count(*) || '|' || max(id) FROM tokens) || (SELECT '|' || count(*) FROM events) FROM users`)
	}
	insertPeople(t, db)
	changed := false
	for _, actor := range []person{people[0], people[2], people[4]} {
		for _, target := range append(slices.Clone(people), missing) {
			for _, a := range attempts(actor, target) {
				if changed {
					insertPeople(t, db)
				}
				before := state()
				rule, listed := directory.RuleOf(a.op, actor.role)
				refused := slices.ContainsFunc(a.fields, func(f directory.Field) bool { return !slices.Contains(rule.Fields, f) })
				want := a.allowed
				switch {
				case !listed:
					want = 403
				case !seen(actor, target):
					want = 404
				case !included(rule.Scope, actor, target), refused:
					want = 403
				}
				answer := s.Send(t, a.method, a.path, a.body, "Authorization: "+actor.token())
				about := fmt.Sprintf("%s of %+v by %+v with %s", a.op, target, actor, a.body)
				require.Equal(t, want, answer.Status, "%s\n%s", about, answer.Body)
				if answer.Status == 404 {
					require.Equal(t, hidden, withoutID(t, answer), about)
				}
				now := state()
				if changed = now != before; changed {
					require.Less(t, answer.Status, 300, about)
				}
			}
		}
	}
}

// The rules about enterprises and about oneself.
func TestPolicyOfEnterprises(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	db := s.SQL(t)
	created := func(enterprise string) string {
		return fmt.Sprintf(`{"nick_name":"new","password":"correct horse","enterprise_id":%q}`, enterprise)
	}
	for _, actor := range []person{people[0], people[2], people[4]} {
		for _, c := range []struct {
			op                 directory.Operation
			method, path, body string
			enterprise         string // "": none is named
			allowed            int
		}{
			{directory.OperationListUsers, "GET", "/openapi/v1/users", "", "", 200},
			{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators", "", "", 200},
			{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators?eid=default", "", "default", 200},
			{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators?eid=other", "", "other", 200},
			{directory.OperationListAdministrators, "GET", "/openapi/v1/administrators?eid=Default", "", "Default", 200},
			{directory.OperationCreateUser, "POST", "/openapi/v1/users", created("default"), "default", 201},
			{directory.OperationCreateUser, "POST", "/openapi/v1/users", created("other"), "other", 201},
			{directory.OperationChangeOwnPassword, "PUT", "/openapi/v1/changepwd", `{"password":"new password","password1":"new password"}`, "", 200},
			{directory.OperationDeleteAuthToken, "DELETE", "/openapi/v1/auth-token", "", "", 204},
		} {
			insertPeople(t, db)
			rule, listed := directory.RuleOf(c.op, actor.role)
			want := c.allowed
			if !listed || c.enterprise != "" && rule.Scope != directory.ScopeEveryone && c.enterprise != actor.enterprise {
				want = 403
			}
			answer := s.Send(t, c.method, c.path, c.body, "Authorization: "+actor.token())
			require.Equal(t, want, answer.Status, "%+v by %+v: %s", c, actor, answer.Body)
		}
	}
}
