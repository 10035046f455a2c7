package httpapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// appoint sends createAdministrator. The id can be any text.
func appoint(t *testing.T, s *apitest.Server, id, enterprise string, headers ...string) apitest.Answer {
	t.Helper()
	return s.Send(t, "POST", "/openapi/v1/administrators", fmt.Sprintf(`{"user_id":%q,"eid":%q}`, id, enterprise), headers...)
}

func TestAppointAndDismiss(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob, cy := s.CreateUser(t, "ada"), s.CreateUser(t, "bob"), s.CreateUser(t, "cy")
	answer := appoint(t, s, "2", "default")
	require.Equal(t, 201, answer.Status)
	require.JSONEq(t, `{"user_id":"2","eid":"default"}`, answer.Body)
	location := answer.Header.Get("Location")
	require.Equal(t, ada.AdministratorPath(), location)
	require.EqualValues(t, 2, s.DB.Row(t, ada).Version)
	before := s.DB.State(t)
	again := appoint(t, s, "2", "default")
	require.Equal(t, 201, again.Status, "appointing an administrator again changes nothing")
	require.Equal(t, location, again.Header.Get("Location"))
	require.Equal(t, before, s.DB.State(t))

	as := apitest.Auth(s.CreateToken(t, ada))
	require.Equal(t, 201, appoint(t, s, "3", "default", as).Status, "administrators appoint in their own enterprise")
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
	require.Equal(t, 409, s.Send(t, "DELETE", people.First.AdministratorPath(), "").Status, "you cannot dismiss yourself")
	dismissed := s.Send(t, "DELETE", bob.AdministratorPath(), "", as)
	require.Equal(t, 204, dismissed.Status)
	require.Empty(t, dismissed.Body)
	require.Empty(t, dismissed.Header.Get("Content-Type"))
	require.Equal(t, `"3"`, s.Send(t, "GET", bob.Path(), "").Header.Get("ETag"))
	require.Equal(t, 404, s.Send(t, "DELETE", bob.AdministratorPath(), "", as).Status)
	require.Equal(t, 403, s.Send(t, "GET", "/openapi/v1/users", "", apitest.Auth(s.CreateToken(t, bob))).Status)
	stranger := apitest.Auth(s.CreateToken(t, cy))
	for _, id := range []string{"2", "99", "abc"} {
		require.Equal(t, 403, s.Send(t, "DELETE", "/openapi/v1/administrators/"+id, "", stranger).Status, "403 comes before 404 if the role never allows it")
		require.Equal(t, 403, appoint(t, s, id, "default", stranger).Status)
	}
}

// Nobody can remove the last active administrator of an enterprise, in any of five ways.
func TestLastAdministratorStays(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	type way struct{ name, method, path, body, pointer string }
	waysToRemove := func(p apitest.Person) []way {
		return []way{
			{"dismiss", "DELETE", p.AdministratorPath(), "", ""},
			{"delete", "DELETE", p.Path(), "", ""},
			{"move", "PUT", p.Path(), `{"phone":"1","enterprise_id":"other"}`, "/enterprise_id not_allowed"},
			{"deactivate", "PUT", p.Path(), `{"phone":"1","is_active":false}`, "/is_active not_allowed"},
			{"undecide", "PUT", p.Path(), `{"phone":"1","is_active":null}`, "/is_active not_allowed"},
		}
	}
	requireToStay := func(p apitest.Person) {
		t.Helper()
		for _, way := range waysToRemove(p) {
			before := s.DB.State(t)
			answer := s.Send(t, way.method, way.path, way.body)
			require.Equal(t, 409, answer.Status, way.name)
			require.Equal(t, "last_administrator", string(answer.Problem(t).Code), way.name)
			require.Equal(t, before, s.DB.State(t))
			if way.pointer != "" {
				require.Equal(t, []string{way.pointer}, answer.Faults(t))
			}
		}
	}
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	s.Appoint(t, s.CreateUserIn(t, "other", "eve")) // an administrator of another enterprise does not count
	s.Appoint(t, ada)
	requireToStay(ada)
	s.Appoint(t, bob)
	require.Equal(t, 200, s.Send(t, "PUT", bob.Path(), `{"is_active":null}`).Status)
	requireToStay(ada) // bob does not count because he is not active
	for i := range waysToRemove(ada) {
		another := s.CreateUser(t, fmt.Sprint("another", i))
		s.Appoint(t, another)
		way := waysToRemove(another)[i]
		answer := s.Send(t, way.method, way.path, way.body)
		require.Less(t, answer.Status, 300, "%s: %s", way.name, answer.Body)
	}
	requireToStay(ada)
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"enterprise_id":"default","is_active":true,"phone":"2"}`).Status,
		"an update that leaves enterprise and state as they are is allowed")
	alone := s.CreateUserIn(t, "third", "alone")
	s.Appoint(t, alone)
	other := s.CreateUserIn(t, "third", "other")
	requireToStay(alone)
	require.Equal(t, 204, s.Send(t, "DELETE", other.Path(), "").Status)
	require.Equal(t, 204, s.Send(t, "DELETE", alone.Path(), "").Status, "an enterprise without other users can be closed")
	require.Equal(t, directory.RoleAdministrator, s.DB.Row(t, ada).Role)
	s.DB.SetActive(t, ada, new(false))
	require.Equal(t, 204, s.Send(t, "DELETE", ada.AdministratorPath(), "").Status, "an administrator who is not active can be dismissed")
}

// If two administrators dismiss each other at the same moment, only one of them succeeds.
func TestAdministratorsDismissEachOther(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	tokens := []string{s.CreateToken(t, ada), s.CreateToken(t, bob)}
	others := []apitest.Person{bob, ada}
	for range 20 {
		s.Appoint(t, ada)
		s.Appoint(t, bob)
		statuses := apitest.AtOnce(2, func(i int) int {
			return s.Send(t, "DELETE", others[i].AdministratorPath(), "", apitest.Auth(tokens[i])).Status
		})
		require.ElementsMatch(t, []int{204, 403}, statuses)
	}
}

// An administrator who moves to another enterprise loses the role, and the audit says so.
func TestMoveDropsTheRole(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	s.Appoint(t, ada)
	s.Appoint(t, bob)
	as := apitest.Auth(s.CreateToken(t, ada))
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"enterprise_id":"other"}`).Status)
	require.Equal(t, directory.RoleUser, s.DB.Row(t, ada).Role)
	events := s.DB.Events(t)
	require.Equal(t, directory.OperationUpdateUser, events[len(events)-1].Operation)
	require.Equal(t, []directory.Field{directory.FieldEnterpriseID, directory.FieldRole}, events[len(events)-1].Fields)
	require.Equal(t, 403, s.Send(t, "GET", "/openapi/v1/users", "", as).Status)
	require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "", as).Status)
	require.Equal(t, 200, s.Send(t, "PUT", people.First.Path(), `{"enterprise_id":"other"}`).Status)
	require.Equal(t, directory.RoleSystemAdministrator, s.DB.Row(t, people.First).Role)
}

// If the actor loses the role while the request hashes a password, the request is refused.
func TestDismissedWhileHashing(t *testing.T) {
	for body, c := range map[string]struct {
		method, path string
		status       int
	}{
		`{"password":"new password","phone":"1"}`:                                 {"PUT", people.User.Path(), 404},
		people.User.NewPassword("new password"):                                   {"PUT", people.User.Path() + "/changepwd", 404},
		`{"nick_name":"new","password":"new password","enterprise_id":"default"}`: {"POST", "/openapi/v1/users", 403},
	} {
		held := apitest.NewHeldHasher()
		s := apitest.Start(t, apitest.Config{Hasher: held})
		s.DB.InsertPeople(t)
		var before string
		answer := held.Meanwhile(t,
			func() apitest.Answer { return s.Send(t, c.method, c.path, body, people.Admin.Auth()) },
			func() {
				require.Equal(t, 204, s.Send(t, "DELETE", people.Admin.AdministratorPath(), "").Status)
				before = s.DB.State(t)
			})
		require.Equal(t, c.status, answer.Status)
		require.Equal(t, before, s.DB.State(t))
	}
}
