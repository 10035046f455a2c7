package httpapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

func TestWhoMayDoWhat(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	as := apitest.Auth(s.CreateToken(t, ada))

	require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "", as).Status)
	own := s.Send(t, "PUT", ada.Path(), `{"email":"ada@example.com","phone":"1"}`, as)
	require.Equal(t, 200, own.Status)

	missing := s.Send(t, "GET", people.Missing.Path(), "", as)
	for _, other := range []apitest.Person{people.First, bob} {
		for _, method := range []string{"GET", "PUT"} {
			answer := s.Send(t, method, other.Path(), "", as)
			require.Equal(t, 404, answer.Status)
			require.Equal(t, withoutID(t, missing), withoutID(t, answer))
		}
		require.Equal(t, 404, s.Send(t, "PUT", other.Path(), `{"is_active":true,"password":"new password"}`, as).Status)
	}

	for body, faults := range map[string][]string{
		`{"is_active":true}`:                                  {"/is_active not_allowed"},
		`{"enterprise_id":"other"}`:                           {"/enterprise_id not_allowed"},
		`{"phone":"2","is_active":null}`:                      {"/is_active not_allowed"},
		`{"password":"new password","enterprise_id":"other"}`: {"/enterprise_id not_allowed"},
		`{"enterprise_id":"x","is_active":false,"phone":"2"}`: {"/enterprise_id not_allowed", "/is_active not_allowed"},
	} {
		answer := s.Send(t, "PUT", ada.Path(), body, as, `If-Match: "1"`)
		require.Equal(t, 403, answer.Status, "403 comes before 412")
		require.Equal(t, faults, answer.Faults(t))
	}
	require.JSONEq(t, own.Body, s.Send(t, "PUT", ada.Path(), "{}", as).Body, "one forbidden member refuses all")

	created := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), as)
	require.Equal(t, 403, created.Status)
	require.Empty(t, created.Faults(t), "it is not about a member")
	require.Equal(t, 422, s.Send(t, "POST", "/openapi/v1/users", `{}`, as).Status, "422 comes before 403")
}

func TestNobodyDeactivatesOneself(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, state := range []string{"false", "null"} {
		answer := s.Send(t, "PUT", people.First.Path(), fmt.Sprintf(`{"phone":"1","is_active":%s}`, state))
		require.Equal(t, 409, answer.Status)
		require.Equal(t, "own_account", string(answer.Problem(t).Code))
		require.Equal(t, []string{"/is_active not_allowed"}, answer.Faults(t))
	}
	require.Equal(t, 412, s.Send(t, "PUT", people.First.Path(), `{"is_active":null}`, `If-Match: "9"`).Status, "412 comes before 409")
	answer := s.Send(t, "PUT", people.First.Path(), `{"is_active":true,"enterprise_id":"moved"}`)
	require.Equal(t, 200, answer.Status)
	require.JSONEq(t, `{"enterprise_id":"moved","phone":"","is_active":true}`, answer.Body)
}

// What the actor was when the request came in no longer counts when it is carried out.
func TestRightsAreReadInTheUnit(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile string
		put, post int
	}{
		"token ended":       {`DELETE FROM tokens WHERE user_id = 1`, 401, 401},
		"token expired":     {`UPDATE tokens SET expires = 1 WHERE user_id = 1`, 401, 401},
		"actor deactivated": {`UPDATE users SET is_active = 0 WHERE id = 1`, 401, 401},
		"actor undecided":   {`UPDATE users SET is_active = NULL WHERE id = 1`, 401, 401},
		"role lost":         {`UPDATE users SET role = 'user' WHERE id = 1`, 404, 403},
		"target gone":       {`DELETE FROM users WHERE id = 2`, 404, 201},
		"target changed":    {`UPDATE users SET version = 2 WHERE id = 2`, 412, 201},
	} {
		for _, method := range []string{"PUT", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				held := apitest.NewHeldHasher()
				s := apitest.Start(t, apitest.Config{Hasher: held})
				db := s.SQL(t)
				insertUser(t, db, "NULL")
				answer := held.Meanwhile(t, func() apitest.Answer {
					if method == "PUT" {
						return s.Send(t, "PUT", people.User.Path(), `{"password":"new password"}`, `If-Match: "1"`)
					}
					return s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"))
				}, func() { apitest.Exec(t, db, c.meanwhile) })
				want := map[string]int{"PUT": c.put, "POST": c.post}[method]
				require.Equal(t, want, answer.Status)
				if want != 201 {
					require.Equal(t, "0", apitest.Value(t, db, `SELECT count(*) FROM users WHERE password_hash IS NOT NULL`))
					require.Equal(t, "0", apitest.Value(t, db, `SELECT count(*) FROM events WHERE target_id <> 1`))
				}
			})
		}
	}
}

// A token that expires while its request waits no longer counts.
func TestClockIsReadInTheUnit(t *testing.T) {
	held := apitest.NewHeldHasher()
	clock := apitest.NewClock()
	s := apitest.Start(t, apitest.Config{Hasher: held, Clock: clock})
	token := s.CreateTokenWith(t, people.First, "short", time.Minute)
	answer := held.Meanwhile(t, func() apitest.Answer {
		return s.Send(t, "PUT", people.First.Path(), `{"password":"new password"}`, apitest.Auth(token))
	}, func() { clock.Advance(time.Hour) })
	require.Equal(t, 401, answer.Status)
}

// Nobody makes the server hash a password for an update that is refused anyway.
func TestRefusedUpdatesAreNotHashed(t *testing.T) {
	s := apitest.Start(t, apitest.Config{Hasher: apitest.PanickingHasher{}})
	insertUser(t, s.SQL(t), "1")
	as := apitest.Auth(s.CreateToken(t, people.User))
	const body = `{"password":"new password"}`
	require.Equal(t, 404, s.Send(t, "PUT", people.Missing.Path(), body).Status)
	require.Equal(t, 404, s.Send(t, "PUT", people.First.Path(), body, as).Status)
	require.Equal(t, 403, s.Send(t, "PUT", people.User.Path(), `{"password":"new password","is_active":true}`, as).Status)
	require.Equal(t, 412, s.Send(t, "PUT", people.User.Path(), body, `If-Match: "9"`).Status)
	require.Equal(t, 403, s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), as).Status)
}

// What ends while a body is on its way no longer counts, also where nothing is written.
func TestRightsThatEndWhileTheBodyArrives(t *testing.T) {
	newPassword := apitest.NewPassword("new password")
	for _, c := range []struct {
		meanwhile, path, body string
		status                int
	}{
		{`DELETE FROM users WHERE id = 4`, people.User.Path(), `{}`, 401},
		{`DELETE FROM users WHERE id = 4`, "/openapi/v1/changepwd", newPassword, 401},
		{`UPDATE users SET is_active = 0 WHERE id = 4`, people.User.Path(), `{}`, 401},
		{`UPDATE users SET is_active = 0 WHERE id = 4`, "/openapi/v1/changepwd", newPassword, 401},
		{`UPDATE users SET role = 'user' WHERE id = 4`, people.User.Path(), `{}`, 404},
		{`UPDATE users SET enterprise_id = 'x' WHERE id = 4`, people.User.Path(), `{"phone":"1"}`, 404},
	} {
		s := apitest.Start(t, apitest.Config{Hasher: apitest.PanickingHasher{}})
		db := s.SQL(t)
		s.DB.InsertPeople(t)
		answer := apitest.SendInTwoParts(t, "PUT", s.URL+c.path, people.Admin.Token(), c.body,
			func() { apitest.Exec(t, db, c.meanwhile) })
		require.Equal(t, c.status, answer.Status, "%+v", c)
	}
}
