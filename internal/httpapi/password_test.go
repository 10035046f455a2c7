package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

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
			`{"user_id":null,"password":null,"password1":"short"}`:             {"/password not_null", "/user_id not_null"},
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
			require.Equal(t, 401, s.LogIn(t, ada.Username(), password+"x").Status)
		}
	}
	require.Equal(t, 200, set["update"]("caf\u00e9 cr\u00e8me"))
	require.Equal(t, 200, s.LogIn(t, ada.Username(), "cafe\u0301 cre\u0300me").Status)
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"email":"ada@example.com","phone":"1","enterprise_id":"other","is_active":true}`).Status)
	require.Equal(t, 200, s.LogIn(t, "ada@example.com", "caf\u00e9 cr\u00e8me").Status, "an update of other members keeps the password")
}

// A password is what its user sees: at least 8 characters, however many code points they are, all of them
// visible, and all spaces alike.
func TestPasswordsAreOpaqueStrings(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	set := func(password string) apitest.Answer {
		return s.Send(t, "PUT", ada.Path(), fmt.Sprintf(`{"password":%q}`, password))
	}
	for _, c := range []struct{ set, typed string }{
		{strings.Repeat("\uac01", 64), strings.Repeat("\u1100\u1161\u11a8", 64)},
		{strings.Repeat("\u1f82", 128), strings.Repeat("\u03b1\u0313\u0300\u0345", 128)}, // the longest decomposition
		{"correct\u3000horse", "correct horse"},
		{"correct horse", "correct\u2007horse"},
		{"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", strings.Repeat("e\u0301", 8)},
		{"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f511", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f511"},
	} {
		answer := set(c.set)
		require.Equal(t, 200, answer.Status, "%+q %s", c.set, answer.Body)
		require.Equal(t, 200, s.LogIn(t, ada.Username(), c.set).Status, "%+q", c.set)
		require.Equal(t, 200, s.LogIn(t, ada.Username(), c.typed).Status, "%+q", c.typed)
		both := fmt.Sprintf(`{"user_id":%d,"password":%q,"password1":%q}`, ada.ID, c.set, c.typed)
		if len([]rune(c.typed)) <= 128 {
			require.Equal(t, 200, s.Send(t, "PUT", ada.Path()+"/changepwd", both).Status, "%+q", c.typed)
		}
	}
	for password, fault := range map[string]string{
		strings.Repeat("e\u0301", 4):      "min_length",
		strings.Repeat("\u1100\u1161", 7): "min_length",
		strings.Repeat("\uac01", 7):       "min_length",
		strings.Repeat("e\u0301", 65):     "max_length", // counted as sent
		"correct\u200bhorse":              "pattern",
		"correct\u00adhorse":              "pattern",
		"\ufeffcorrect horse":             "pattern",
		"\u2764\ufe0f and horses":         "pattern",
		"correct\uffffhorse":              "pattern",
		"correct\u0378horse":              "pattern",
		"correct\ue000horse":              "pattern",
	} {
		require.Equal(t, []string{"/password " + fault}, set(password).Faults(t), "%+q", password)
		require.Equal(t, 401, s.LogIn(t, ada.Username(), password).Status, "a log-in never refuses a spelling")
		require.Equal(t, 401, s.LogIn(t, "default/nobody", password).Status)
	}
	require.Equal(t, 422, s.LogIn(t, ada.Username(), strings.Repeat("x", 513)).Status)
}

// A hash that an older version made of a password in Unicode NFC is still accepted.
func TestOldPasswords(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	for _, password := range []string{"correct\u3000horse", "cafe\u0301 au\u00a0lait", "correct\u200bhorse", "e\u0301e\u0301e\u0301e\u0301"} {
		hash, err := argon2id.CreateHash(norm.NFC.String(password), &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16})
		require.NoError(t, err)
		s.DB.SetPasswordHash(t, ada, hash)
		require.Equal(t, 200, s.LogIn(t, ada.Username(), password).Status, "%+q", password)
		require.Equal(t, 200, s.LogIn(t, ada.Username(), norm.NFD.String(password)).Status, "%+q", password)
	}
}

// With a log-in that is not fresh, nobody can set a password or an e-mail address, appoint, or change an
// administrator, except their own phone. With a token that the operator made, they can.
func TestReauthentication(t *testing.T) {
	clock := apitest.NewClock()
	s := apitest.Start(t, apitest.Config{Clock: clock})
	ada, bob, carl, dan, eve := s.CreateUser(t, "ada"), s.CreateUser(t, "bob"), s.CreateUser(t, "carl"), s.CreateUser(t, "dan"), s.CreateUser(t, "eve")
	s.Appoint(t, ada)
	type request struct{ method, path, body string }
	needFreshLogIn := []request{
		{"PUT", ada.Path(), `{"email":"ada@example.com"}`},
		{"PUT", ada.Path(), `{"phone":"1","password":"correct horse"}`},
		{"PUT", "/openapi/v1/changepwd", apitest.NewPassword(apitest.Password)},
		{"PUT", ada.Path() + "/changepwd", ada.NewPassword(apitest.Password)},
		{"PUT", bob.Path(), `{"email":"bob@example.com"}`},
		{"PUT", bob.Path(), `{"password":"correct horse"}`},
		{"PUT", bob.Path() + "/changepwd", bob.NewPassword(apitest.Password)},
		{"POST", "/openapi/v1/administrators", carl.Appointment("default")},
		{"PUT", eve.Path(), `{"phone":"1"}`},
		{"PUT", eve.Path(), `{"is_active":true}`},
		{"DELETE", eve.AdministratorPath(), ""},
	}
	send := func(r request, token string, headers ...string) apitest.Answer {
		t.Helper()
		return s.Send(t, r.method, r.path, r.body, append(headers, apitest.Auth(token))...)
	}
	requireAllowed := func(token string) {
		t.Helper()
		s.Appoint(t, eve)
		for _, r := range needFreshLogIn {
			answer := send(r, token)
			require.Less(t, answer.Status, 300, "%+v: %s", r, answer.Body)
		}
	}
	requireRefused := func(token string) {
		t.Helper()
		s.Appoint(t, eve)
		for _, r := range append(needFreshLogIn, request{"DELETE", eve.Path(), ""}) {
			answer := send(r, token, `If-Match: "99"`)
			require.Equal(t, 403, answer.Status, "%+v: 403 comes before 412", r)
			require.Equal(t, "reauthentication_required", string(answer.Problem(t).Code))
		}
	}

	token := s.LogIn(t, ada.Username(), apitest.Password).Token(t)
	requireAllowed(token)
	clock.Advance(15 * time.Minute)
	requireAllowed(token) // exactly 15 minutes are fresh
	made := s.CreateToken(t, ada)
	clock.Advance(time.Second)
	requireRefused(token)
	requireAllowed(made) // and ends the other token, because it changes the password

	token = s.LogIn(t, ada.Username(), apitest.Password).Token(t)
	clock.Advance(-time.Minute)
	requireAllowed(token) // another node's clock may be a minute ahead
	clock.Advance(-time.Second)
	requireRefused(token)
	clock.Advance(time.Hour)
	s.Appoint(t, eve)
	for _, r := range []request{
		{"PUT", ada.Path(), `{"phone":"2"}`},
		{"PUT", eve.Path(), `{}`},
		{"PUT", bob.Path(), `{"phone":"2","is_active":true}`},
		{"POST", "/openapi/v1/users", apitest.NewUser("default", "new", `"email":"new@example.com"`)},
		{"DELETE", dan.Path(), ""},
		{"DELETE", "/openapi/v1/auth-token", ""},
	} {
		require.Less(t, send(r, token).Status, 300, "%+v needs no fresh log-in", r)
	}
}
