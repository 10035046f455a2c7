package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Deletion is real: the user, the tokens and the log-in are gone, name and address are
// free, the number is not; the audit stays.
func TestDeleteUser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	const ada = `{"nick_name":"ada","password":"correct horse","enterprise_id":"default","email":"ada@example.com"}`
	require.Equal(t, 201, s.Send(t, "POST", "/openapi/v1/users", ada).Status)
	token, made := s.LogIn(t, "ada"), s.TokenOf(t, 2)
	require.Equal(t, 412, s.Send(t, "DELETE", "/openapi/v1/users/2", "", `If-Match: "2"`).Status)
	require.Equal(t, 412, s.Send(t, "DELETE", "/openapi/v1/users/2", "", `If-None-Match: *`).Status)
	require.Equal(t, 400, s.Send(t, "DELETE", "/openapi/v1/users/2", "", `If-Match: 1`).Status)
	answer := s.Send(t, "DELETE", "/openapi/v1/users/2", "", `If-Match: "1"`)
	require.Equal(t, 204, answer.Status)
	require.Empty(t, answer.Body)
	require.Empty(t, answer.Header.Get("Content-Type"))
	for _, ended := range []string{token, made} {
		require.Equal(t, 401, s.Send(t, "GET", "/openapi/v1/users/2", "", "Authorization: "+ended).Status)
	}
	require.Equal(t, 401, logIn(t, s, "ada@example.com", apitest.Password).Status)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		require.Equal(t, 404, s.Send(t, method, "/openapi/v1/users/2", "").Status)
	}
	db := s.SQL(t)
	require.Equal(t, "0", apitest.Value(t, db, `SELECT count(*) FROM tokens WHERE user_id = 2`))
	require.Equal(t, "1|first start|2|default|deleteUser||"+answer.Header.Get("X-Request-Id"), apitest.Value(t, db,
		`SELECT concat_ws('|', actor_id, token_name, target_id, enterprise_id, operation, fields, request_id) FROM events ORDER BY id DESC LIMIT 1`))
	created := s.Send(t, "POST", "/openapi/v1/users", ada)
	require.Equal(t, 201, created.Status)
	require.Equal(t, "/openapi/v1/users/3", created.Header.Get("Location"))
}

// Nobody deletes oneself: 409 for who may delete, 403 for who may not.
func TestNobodyDeletesOneself(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.DB.InsertPeople(t)
	for _, c := range []struct {
		actor  apitest.Person
		status int
	}{{people.User, 403}, {people.Admin, 409}, {people.System, 409}} {
		answer := s.Send(t, "DELETE", c.actor.Path(), "", c.actor.Auth())
		require.Equal(t, c.status, answer.Status)
		if c.status == 409 {
			require.Equal(t, "own_account", string(answer.Problem(t).Code))
		}
		require.Equal(t, 412, s.Send(t, "DELETE", people.First.Path(), "", `If-Match: "9"`).Status, "412 comes before 409")
	}
	require.Equal(t, 204, s.Send(t, "DELETE", people.System.Path(), "").Status, "another system administrator")
}

// A deletion whose audit fails leaves the user and the tokens.
func TestFailedDeletionLeavesTheUser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	token := s.TokenOf(t, 2)
	db := s.SQL(t)
	apitest.Exec(t, db, `CREATE TRIGGER fault BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'injected'); END`)
	for _, request := range []struct{ method, path, body string }{
		{"DELETE", "/openapi/v1/users/2", ""},
		{"POST", "/openapi/v1/administrators", `{"user_id":"2","eid":"default"}`},
		{"POST", "/openapi/v1/auth-token", `{"username":"default/ada","password":"correct horse"}`},
		{"PUT", "/openapi/v1/users/2/changepwd", `{"user_id":2,"password":"new password","password1":"new password"}`},
		{"DELETE", "/openapi/v1/auth-token", ""},
	} {
		require.Equal(t, 500, s.Send(t, request.method, request.path, request.body).Status, request)
	}
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/2", "", "Authorization: "+token).Status)
	require.Equal(t, "user|1|2", apitest.Value(t, db, `SELECT concat_ws('|', role, version, (SELECT count(*) FROM tokens)) FROM users WHERE id = 2`))
}
