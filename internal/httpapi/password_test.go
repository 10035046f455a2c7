package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

func TestChangePassword(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	token := s.LogIn(t, ada.Username(), apitest.Password).Token(t)
	answer := s.Send(t, "PUT", ada.Path()+"/changepwd", ada.NewPassword("new password"))
	require.Equal(t, 200, answer.Status, answer.Body)
	require.JSONEq(t, `{"user_id":2}`, answer.Body)
	require.Equal(t, 401, s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status, "somebody else changed the password")
	require.Equal(t, 401, s.LogIn(t, ada.Username(), apitest.Password).Status)
	require.Equal(t, 200, s.LogIn(t, ada.Username(), "new password").Status)
	require.Equal(t, `"2"`, s.Send(t, "GET", ada.Path(), "").Header.Get("ETag"))

	stays, ends := s.LogIn(t, ada.Username(), "new password").Token(t), s.LogIn(t, ada.Username(), "new password").Token(t)
	answer = s.Send(t, "PUT", "/openapi/v1/changepwd", apitest.NewPassword("newer password"), apitest.Auth(stays))
	require.Equal(t, 200, answer.Status, answer.Body)
	require.Equal(t, "{}\n", answer.Body)
	require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
	require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "", apitest.Auth(stays)).Status, "the token that changed the password stays")
	require.Equal(t, 401, s.Send(t, "GET", ada.Path(), "", apitest.Auth(ends)).Status)
	require.Equal(t, 200, s.LogIn(t, ada.Username(), "newer password").Status)

	for path, faults := range map[string]map[string][]string{
		ada.Path() + "/changepwd": {
			`{"user_id":2,"password":"password A","password1":"password B"}`:   {"/password1 mismatch"},
			`{"user_id":1,"password":"password A","password1":"password A"}`:   {"/user_id mismatch"},
			`{"user_id":1,"password":"password A","password1":"password B"}`:   {"/password1 mismatch", "/user_id mismatch"},
			`{"user_id":"2","password":"password A","password1":"password A"}`: {"/user_id type"},
			`{"user_id":2.0,"password":"password A","password1":"password A"}`: {"/user_id type"},
			`{"user_id":2e0,"password":"password A","password1":"password A"}`: {"/user_id type"},
			`{"user_id":2.5,"password":"password A","password1":"password A"}`: {"/user_id type"},
			`{"user_id":null,"password":null,"password1":"short"}`:             {"/password null", "/user_id null"},
			`{"user_id":0,"password":"short","password1":"short"}`:             {"/password min_length", "/user_id minimum"},
			`{"user_id":2147483648,"password":"password","password1":"x"}`:     {"/user_id maximum"},
			`{"user_id":1e400,"password":"password","password1":"password"}`:   {"/user_id maximum"},
			`{}`: {"/password required", "/password1 required", "/user_id required"},
		},
		"/openapi/v1/changepwd": {
			`{"password":"password A","password1":"password B"}`:             {"/password1 mismatch"},
			`{"password":"password A"}`:                                      {"/password1 required"},
			`{"password":"password A","password1":"password A","user_id":1}`: {"/user_id unknown_member"},
		},
	} {
		for body, want := range faults {
			answer := s.Send(t, "PUT", path, body)
			require.Equal(t, 422, answer.Status, "%s %s", path, answer.Body)
			require.Equal(t, want, answer.Faults(t), body)
		}
	}
	composed := s.Send(t, "PUT", ada.Path()+"/changepwd", `{"user_id":2,"password":"p\u00e4ssword","password1":"pa\u0308ssword"}`)
	require.Equal(t, 200, composed.Status, "both are the same password")
	for _, id := range []string{"9", "x", "09"} { // a path that names no user is 404, not a mismatch with user_id
		answer := s.Send(t, "PUT", "/openapi/v1/users/"+id+"/changepwd", `{"user_id":9,"password":"password A","password1":"password A"}`)
		require.Equal(t, 404, answer.Status, id)
	}
}

// A password can have 128 characters of any script, but not 129, however it is set.
// Composed and decomposed letters are the same.
func TestPasswordsOfAnyScript(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	set := map[string]func(password string) int{
		"changepwd": func(p string) int {
			return s.Send(t, "PUT", ada.Path()+"/changepwd", ada.NewPassword(p)).Status
		},
		"own": func(p string) int {
			return s.Send(t, "PUT", "/openapi/v1/changepwd", apitest.NewPassword(p), apitest.Auth(s.CreateToken(t, ada))).Status
		},
		"update": func(p string) int {
			return s.Send(t, "PUT", ada.Path(), fmt.Sprintf(`{"password":%q}`, p)).Status
		},
	}
	for _, letter := range []string{"x", "\u00e9", "\u0436", "\u6f22", "\U0001f600", " ", "\u0645", "e\u0301"} {
		fits := 128 / len([]rune(letter))
		for way, do := range set {
			password := strings.Repeat(letter, fits)
			require.Equal(t, 200, do(password), "%s %q", way, letter)
			require.Equal(t, 200, s.LogIn(t, ada.Username(), password).Status, "%s %q", way, letter)
			require.Equal(t, 401, s.LogIn(t, ada.Username(), strings.Repeat(letter, fits-1)).Status)
			require.Equal(t, 422, do(password+"x"), "%s %q", way, letter)
			require.Equal(t, 422, s.LogIn(t, ada.Username(), password+"x").Status)
		}
	}
	require.Equal(t, 200, set["update"]("caf\u00e9 cr\u00e8me"))
	require.Equal(t, 200, s.LogIn(t, ada.Username(), "cafe\u0301 cre\u0300me").Status)
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"email":"ada@example.com","phone":"1","enterprise_id":"other","is_active":true}`).Status)
	require.Equal(t, 200, s.LogIn(t, "ada@example.com", "caf\u00e9 cr\u00e8me").Status, "an update of other members keeps the password")
}

// With a log-in that is older than 15 minutes, you cannot change your own password or e-mail
// address. With a token that the operator made, you can.
func TestReauthentication(t *testing.T) {
	clock := apitest.NewClock()
	s := apitest.Start(t, apitest.Config{Clock: clock})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	s.Appoint(t, ada)
	token := s.LogIn(t, ada.Username(), apitest.Password).Token(t)
	ownPassword := apitest.NewPassword(apitest.Password)
	own := []struct{ path, body string }{
		{ada.Path(), `{"email":"ada@example.com"}`},
		{ada.Path(), `{"phone":"1","password":"correct horse"}`},
		{"/openapi/v1/changepwd", ownPassword},
		{ada.Path() + "/changepwd", ada.NewPassword(apitest.Password)},
	}
	send := func(path, body, token string, headers ...string) apitest.Answer {
		return s.Send(t, "PUT", path, body, append(headers, apitest.Auth(token))...)
	}
	clock.Advance(15 * time.Minute)
	for _, c := range own {
		require.Equal(t, 200, send(c.path, c.body, token).Status, "a log-in of exactly 15 minutes ago is fresh")
	}
	made := s.CreateToken(t, ada)
	clock.Advance(time.Second)
	for _, c := range own {
		answer := send(c.path, c.body, token)
		require.Equal(t, 403, answer.Status)
		require.Equal(t, "reauthentication_required", string(answer.Problem(t).Code))
	}
	require.Equal(t, 403, send(ada.Path(), `{"email":"ada@example.com"}`, token, `If-Match: "99"`).Status, "403 comes before 412")
	require.Equal(t, 200, send(ada.Path(), `{"phone":"2"}`, token).Status, "an old log-in can change other members")
	require.Equal(t, 200, send(bob.Path(), `{"email":"bob@example.com","password":"correct horse"}`, token).Status, "an old log-in can change other users")
	for _, c := range own {
		require.Equal(t, 200, send(c.path, c.body, made).Status, "a token that was made is always fresh")
	}
	require.Equal(t, 401, send(ada.Path(), `{}`, token).Status, "it has ended because the other token changed the password")
	require.Equal(t, 200, send("/openapi/v1/changepwd", ownPassword, s.LogIn(t, ada.Username(), apitest.Password).Token(t)).Status)
}
