package httpapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
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
			require.Equal(t, missing.WithoutRequestID(t), answer.WithoutRequestID(t))
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
	require.JSONEq(t, own.Body, s.Send(t, "PUT", ada.Path(), "{}", as).Body, "one forbidden member refuses the whole update")

	created := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), as)
	require.Equal(t, 403, created.Status)
	require.Empty(t, created.Faults(t), "the role is at fault, not a member")
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
	require.Equal(t, "moved", s.DB.Row(t, people.First).EnterpriseID)
}

// The server decides with the rights at the moment of the change, not with those at the moment
// when the request arrived.
func TestRightsAreReadInTheUnit(t *testing.T) {
	actor, target := people.System, people.User
	for name, c := range map[string]struct {
		meanwhile func(t testing.TB, db *apitest.Database)
		put, post int
	}{
		"token ended":       {func(t testing.TB, db *apitest.Database) { db.DeleteTokens(t, actor) }, 401, 401},
		"token expired":     {func(t testing.TB, db *apitest.Database) { db.ExpireTokens(t, actor) }, 401, 401},
		"actor deactivated": {func(t testing.TB, db *apitest.Database) { db.SetActive(t, actor, new(false)) }, 401, 401},
		"actor undecided":   {func(t testing.TB, db *apitest.Database) { db.SetActive(t, actor, nil) }, 401, 401},
		"role lost":         {func(t testing.TB, db *apitest.Database) { db.SetRole(t, actor, directory.RoleUser) }, 404, 403},
		"target gone":       {func(t testing.TB, db *apitest.Database) { db.DeleteUser(t, target) }, 404, 201},
		"target changed":    {func(t testing.TB, db *apitest.Database) { db.RaiseVersion(t, target) }, 412, 201},
	} {
		for _, method := range []string{"PUT", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				held := apitest.NewHeldHasher()
				s := apitest.Start(t, apitest.Config{Hasher: held})
				s.DB.InsertPeople(t)
				var before string
				answer := held.Meanwhile(t, func() apitest.Answer {
					if method == "PUT" {
						return s.Send(t, "PUT", target.Path(), `{"password":"new password"}`, actor.Auth(), `If-Match: "1"`)
					}
					return s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), actor.Auth())
				}, func() {
					c.meanwhile(t, s.DB)
					before = s.DB.State(t)
				})
				want := map[string]int{"PUT": c.put, "POST": c.post}[method]
				require.Equal(t, want, answer.Status)
				if want != 201 {
					require.Equal(t, before, s.DB.State(t))
				}
			})
		}
	}
}

// A token that expires while its request waits is refused.
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

// The server hashes no password for an update that it refuses.
func TestRefusedUpdatesAreNotHashed(t *testing.T) {
	s := apitest.Start(t, apitest.Config{Hasher: apitest.PanickingHasher{}})
	s.DB.InsertPeople(t)
	as := people.User.Auth()
	const body = `{"password":"new password"}`
	require.Equal(t, 404, s.Send(t, "PUT", people.Missing.Path(), body).Status)
	require.Equal(t, 404, s.Send(t, "PUT", people.First.Path(), body, as).Status)
	require.Equal(t, 403, s.Send(t, "PUT", people.User.Path(), `{"password":"new password","is_active":true}`, as).Status)
	require.Equal(t, 412, s.Send(t, "PUT", people.User.Path(), body, `If-Match: "9"`).Status)
	require.Equal(t, 403, s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"), as).Status)
}

// Rights that end while a body arrives no longer count, even if nothing is written.
func TestRightsThatEndWhileTheBodyArrives(t *testing.T) {
	apitest.OneNode(t, "nginx sends a request only when its whole body has arrived")
	newPassword := apitest.NewPassword("new password")
	deleted := func(db *apitest.Database) { db.DeleteUser(t, people.Admin) }
	deactivated := func(db *apitest.Database) { db.SetActive(t, people.Admin, new(false)) }
	for _, c := range []struct {
		meanwhile  func(db *apitest.Database)
		path, body string
		status     int
	}{
		{deleted, people.User.Path(), `{}`, 401},
		{deleted, "/openapi/v1/changepwd", newPassword, 401},
		{deactivated, people.User.Path(), `{}`, 401},
		{deactivated, "/openapi/v1/changepwd", newPassword, 401},
		{func(db *apitest.Database) { db.SetRole(t, people.Admin, directory.RoleUser) }, people.User.Path(), `{}`, 404},
		{func(db *apitest.Database) { db.SetEnterprise(t, people.Admin, "x") }, people.User.Path(), `{"phone":"1"}`, 404},
	} {
		s := apitest.Start(t, apitest.Config{Hasher: apitest.PanickingHasher{}})
		s.DB.InsertPeople(t)
		answer := apitest.SendInTwoParts(t, "PUT", s.URL+c.path, people.Admin.Token(), c.body,
			func() { c.meanwhile(s.DB) })
		require.Equal(t, c.status, answer.Status, "%s %s", c.path, c.body)
	}
}
