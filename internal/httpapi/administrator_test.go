package httpapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

func appoint(t *testing.T, s *apitest.Server, id, eid string, headers ...string) apitest.Answer {
	t.Helper()
	return s.Send(t, "POST", "/openapi/v1/administrators", fmt.Sprintf(`{"user_id":%q,"eid":%q}`, id, eid), headers...)
}

func TestAppointAndDismiss(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	db := s.SQL(t)
	for _, name := range []string{"ada", "bob", "cy"} {
		s.CreateUser(t, name)
	}
	answer := appoint(t, s, "2", "default")
	require.Equal(t, 201, answer.Status)
	require.JSONEq(t, `{"user_id":"2","eid":"default"}`, answer.Body)
	before := apitest.Value(t, db, `SELECT version || (SELECT '|' || count(*) FROM events) FROM users WHERE id = 2`)
	require.Equal(t, "2", apitest.Value(t, db, `SELECT version FROM users WHERE id = 2`))
	require.Equal(t, 201, appoint(t, s, "2", "default").Status, "who is one stays one")
	require.Equal(t, before, apitest.Value(t, db, `SELECT version || (SELECT '|' || count(*) FROM events) FROM users WHERE id = 2`))

	as := "Authorization: " + s.TokenOf(t, 2)
	require.Equal(t, 201, appoint(t, s, "3", "default", as).Status, "an administrator appoints in the own enterprise")
	for _, c := range []struct {
		id, eid string
		status  int
		code    string
		faults  []string
	}{
		{"4", "other", 403, "forbidden", []string{"/eid not_allowed"}},
		{"1", "default", 404, "not_found", []string{}},
		{"99", "other", 404, "not_found", []string{}},
		{"abc", "default", 404, "not_found", []string{}},
		{"02", "default", 404, "not_found", []string{}},
		{"0", "default", 404, "not_found", []string{}},
		{"-1", "default", 404, "not_found", []string{}},
	} {
		answer := appoint(t, s, c.id, c.eid, as)
		require.Equal(t, c.status, answer.Status, "%+v", c)
		require.Equal(t, c.code, string(answer.Problem(t).Code))
		require.Equal(t, c.faults, answer.Faults(t))
	}
	mismatch := appoint(t, s, "4", "other")
	require.Equal(t, 409, mismatch.Status)
	require.Equal(t, "enterprise_mismatch", string(mismatch.Problem(t).Code))
	require.Equal(t, []string{"/eid mismatch"}, mismatch.Faults(t))
	above := appoint(t, s, "1", "default")
	require.Equal(t, 409, above.Status)
	require.Equal(t, "system_administrator", string(above.Problem(t).Code))
	for _, body := range []string{`{"user_id":4,"eid":"default"}`, `{"user_id":"","eid":"default"}`, `{"user_id":"4","eid":"a b"}`, `{"user_id":"4"}`} {
		require.Equal(t, 422, s.Send(t, "POST", "/openapi/v1/administrators", body).Status, body)
	}

	for path, status := range map[string]int{
		"4": 404, "1": 404, "99": 404, "abc": 404,
		"2": 409,
	} {
		answer := s.Send(t, "DELETE", "/openapi/v1/administrators/"+path, "", as)
		require.Equal(t, status, answer.Status, path)
	}
	require.Equal(t, 409, s.Send(t, "DELETE", "/openapi/v1/administrators/1", "").Status, "oneself")
	dismissed := s.Send(t, "DELETE", "/openapi/v1/administrators/3", "", as)
	require.Equal(t, 204, dismissed.Status)
	require.Empty(t, dismissed.Body)
	require.Empty(t, dismissed.Header.Get("Content-Type"))
	require.Equal(t, `"3"`, s.Send(t, "GET", "/openapi/v1/users/3", "").Header.Get("ETag"))
	require.Equal(t, 404, s.Send(t, "DELETE", "/openapi/v1/administrators/3", "", as).Status)
	require.Equal(t, 403, s.Send(t, "GET", "/openapi/v1/users", "", "Authorization: "+s.TokenOf(t, 3)).Status)
	stranger := "Authorization: " + s.TokenOf(t, 4)
	for _, id := range []string{"2", "99", "abc"} {
		require.Equal(t, 403, s.Send(t, "DELETE", "/openapi/v1/administrators/"+id, "", stranger).Status, "403 comes first for who never may")
		require.Equal(t, 403, appoint(t, s, id, "default", stranger).Status)
	}
}

// The last active administrator of an enterprise stays, whichever way one tries.
func TestLastAdministratorStays(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, name := range []string{"ada", "bob", "cy"} {
		s.CreateUser(t, name)
	}
	ways := []struct{ name, method, path, body, pointer string }{
		{"dismiss", "DELETE", "/openapi/v1/administrators/%d", "", ""},
		{"delete", "DELETE", "/openapi/v1/users/%d", "", ""},
		{"move", "PUT", "/openapi/v1/users/%d", `{"phone":"1","enterprise_id":"other"}`, "/enterprise_id not_allowed"},
		{"deactivate", "PUT", "/openapi/v1/users/%d", `{"phone":"1","is_active":false}`, "/is_active not_allowed"},
		{"undecide", "PUT", "/openapi/v1/users/%d", `{"phone":"1","is_active":null}`, "/is_active not_allowed"},
	}
	db := s.SQL(t)
	state := func() string {
		return apitest.Value(t, db, `SELECT group_concat(concat_ws('|', id, version, phone, role, is_active)) FROM users`)
	}
	apitest.Exec(t, db, `INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, phone, is_active, create_time)
		VALUES (9, 1, 'eve', 'eve', 'other', 'administrator', '', 1, 0)`) // elsewhere
	s.Appoint(t, 2)
	try := func(id int, status int) {
		t.Helper()
		for _, way := range ways {
			before := state()
			answer := s.Send(t, way.method, fmt.Sprintf(way.path, id), way.body)
			require.Equal(t, status, answer.Status, way.name)
			if status == 409 {
				require.Equal(t, "last_administrator", string(answer.Problem(t).Code), way.name)
				require.Equal(t, before, state())
				if way.pointer != "" {
					require.Equal(t, []string{way.pointer}, answer.Faults(t))
				}
			}
		}
	}
	try(2, 409)
	s.Appoint(t, 3)
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/3", `{"is_active":null}`).Status)
	try(2, 409) // the other one is not active
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/3", `{"is_active":true}`).Status)
	for _, way := range ways {
		apitest.Exec(t, db, `UPDATE users SET role = 'administrator', is_active = 1, enterprise_id = 'default' WHERE id = 3;
			INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, phone, is_active, create_time)
			VALUES (3, 1, 'bob', 'bob', 'default', 'administrator', '', 1, 0) ON CONFLICT DO NOTHING`)
		answer := s.Send(t, way.method, fmt.Sprintf(way.path, 3), way.body)
		require.Less(t, answer.Status, 300, "%s: %s", way.name, answer.Body)
	}
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{"enterprise_id":"default","is_active":true,"phone":"2"}`).Status,
		"neither moved nor deactivated")
	require.Equal(t, "administrator", apitest.Value(t, db, `SELECT role FROM users WHERE id = 2`))
	apitest.Exec(t, db, `UPDATE users SET is_active = 0 WHERE id = 2`)
	require.Equal(t, 204, s.Send(t, "DELETE", "/openapi/v1/administrators/2", "").Status, "who is not active is not the last active one")
}

// Two administrators who dismiss each other at the same moment do not both succeed.
func TestAdministratorsDismissEachOther(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	s.CreateUser(t, "bob")
	tokens := []string{s.TokenOf(t, 2), s.TokenOf(t, 3)}
	for range 20 {
		s.Appoint(t, 2)
		s.Appoint(t, 3)
		statuses := apitest.AtOnce(2, func(i int) int {
			return s.Send(t, "DELETE", fmt.Sprintf("/openapi/v1/administrators/%d", 3-i), "", apitest.Auth(tokens[i])).Status
		})
		require.ElementsMatch(t, []int{204, 403}, statuses)
	}
}

// An administrator who moves is none in the new enterprise, and the audit says so.
func TestMoveDropsTheRole(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	s.CreateUser(t, "bob")
	s.Appoint(t, 2)
	s.Appoint(t, 3)
	db := s.SQL(t)
	as := "Authorization: " + s.TokenOf(t, 2)
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{"enterprise_id":"other"}`).Status)
	require.Equal(t, "user", apitest.Value(t, db, `SELECT role FROM users WHERE id = 2`))
	require.Equal(t, "enterprise_id,role", apitest.Value(t, db, `SELECT fields FROM events WHERE operation = 'updateUser'`))
	require.Equal(t, 403, s.Send(t, "GET", "/openapi/v1/users", "", as).Status)
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/2", "", as).Status)
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/1", `{"enterprise_id":"other"}`).Status)
	require.Equal(t, "system_administrator", apitest.Value(t, db, `SELECT role FROM users WHERE id = 1`))
}

// A role that is lost while a request hashes its password no longer counts.
func TestDismissedWhileHashing(t *testing.T) {
	for body, c := range map[string]struct {
		method, path string
		status       int
	}{
		`{"password":"new password","phone":"1"}`:                                 {"PUT", people.User.Path(), 404},
		`{"user_id":2,"password":"new password","password1":"new password"}`:      {"PUT", people.User.Path() + "/changepwd", 404},
		`{"nick_name":"new","password":"new password","enterprise_id":"default"}`: {"POST", "/openapi/v1/users", 403},
	} {
		held := apitest.NewHeldHasher()
		s := apitest.Start(t, apitest.Config{Hasher: held})
		db := s.SQL(t)
		s.DB.InsertPeople(t)
		events := apitest.Value(t, db, `SELECT count(*) FROM events`)
		answer := held.Meanwhile(t,
			func() apitest.Answer { return s.Send(t, c.method, c.path, body, people.Admin.Auth()) },
			func() { require.Equal(t, 204, s.Send(t, "DELETE", people.Admin.AdministratorPath(), "").Status) })
		require.Equal(t, c.status, answer.Status)
		require.Equal(t, "0", apitest.Value(t, db, `SELECT count(*) FROM users WHERE password_hash IS NOT NULL OR phone <> '' OR id > 10`))
		require.Equal(t, events+"+1", apitest.Value(t, db, `SELECT (count(*) - 1) || '+1' FROM events`))
	}
}
