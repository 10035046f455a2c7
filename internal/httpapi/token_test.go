package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
	"userapi/internal/directory"
)

func TestLogIn(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	adele := s.CreateUserIn(t, "Default", "Ad\u00e9le", `"email":"Ada@Example.com"`)
	for _, name := range []string{"Ada@Example.com", "ada@example.COM", "Default/Ad\u00e9le", "Default/ADE\u0301LE"} {
		answer := s.LogIn(t, name, apitest.Password)
		require.Equal(t, 200, answer.Status, name)
		var token client.AuthToken
		require.NoError(t, json.Unmarshal([]byte(answer.Body), &token))
		require.Regexp(t, `^ua_[A-Za-z0-9_-]{43}$`, token.Token)
		s.RequireRecent(t, token.ExpiresAt.Add(-apitest.TokenLife))
		require.Equal(t, 200, s.Send(t, "GET", adele.Path(), "", "Authorization: Bearer "+token.Token).Status)
	}
	wrong := s.LogIn(t, "ada@example.com", "wrong")
	require.Equal(t, 401, wrong.Status)
	require.Equal(t, "Bearer", wrong.Header.Get("WWW-Authenticate"))
	require.Equal(t, "invalid_credentials", string(wrong.Problem(t).Code))
	for _, active := range []*bool{new(true), new(false), nil} {
		s.DB.SetActive(t, adele, active)
		for _, name := range []string{
			"nobody@example.com", "Ad\u00e9le", "default/Ad\u00e9le", "/Ad\u00e9le", "Default/", "Default", "x/y/z", "2",
			"Default/admin", "default/admin", "ada@example.com ", "%", "' OR 1=1", "Ada@Example.com\u0301",
		} {
			answer := s.LogIn(t, name, apitest.Password)
			require.Equal(t, wrong.WithoutRequestID(t), answer.WithoutRequestID(t), name)
			require.Equal(t, wrong.Header.Get("WWW-Authenticate"), answer.Header.Get("WWW-Authenticate"))
		}
		for _, password := range []string{"Correct horse", "correct horse ", "x", strings.Repeat("x", 128)} {
			require.Equal(t, wrong.WithoutRequestID(t), s.LogIn(t, "ada@example.com", password).WithoutRequestID(t))
		}
		if active == nil || !*active {
			require.Equal(t, wrong.WithoutRequestID(t), s.LogIn(t, "ada@example.com", apitest.Password).WithoutRequestID(t), "the user is not active")
		}
	}
	for _, body := range []string{
		`{"username":"","password":"correct horse"}`, `{"username":"a@b","password":""}`, `{"username":"a@b"}`, `{}`,
		`{"username":"` + strings.Repeat("x", 255) + `","password":"x"}`, `{"username":1,"password":"x"}`,
		`{"username":"a\u0000b","password":"x"}`, `{"username":null,"password":null}`,
	} {
		require.Equal(t, 422, s.Send(t, "POST", "/openapi/v1/auth-token", body, apitest.NoAuth).Status, body)
	}
	require.Equal(t, 401, s.Send(t, "POST", "/openapi/v1/auth-token", `{"username":"a@b","password":"x"}`).Status, "a token makes no difference")
}

// A log-in token ends when it expires, when its owner logs out, and when its owner has fifty
// newer ones.
func TestLogInTokensEnd(t *testing.T) {
	clock := apitest.NewClock()
	s := apitest.Start(t, apitest.Config{Clock: clock})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	logIn := func(p apitest.Person) string {
		t.Helper()
		return s.LogIn(t, p.Username(), apitest.Password).Token(t)
	}
	status := func(token string) int {
		return s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status
	}
	made := s.CreateToken(t, ada)
	first := logIn(ada)
	clock.Advance(apitest.TokenLife - time.Second)
	require.Equal(t, 200, status(first))
	clock.Advance(time.Second)
	require.Equal(t, 401, status(first))

	logIn(ada)
	require.Len(t, s.DB.TokensOf(t, ada, directory.TokenLogIn), 1, "the expired token was deleted")
	for range 51 {
		s.CreateToken(t, bob)
	}
	require.Len(t, s.DB.TokensOf(t, bob), 51, "the number of tokens that were made is not limited")

	tokens := make([]string, 51)
	for i := range 50 {
		tokens[i] = logIn(ada)
	}
	require.Equal(t, 200, status(tokens[0]), "fifty log-in tokens are valid")
	require.Len(t, s.DB.TokensOf(t, ada, directory.TokenLogIn), 50)
	other := logIn(bob)
	tokens[50] = logIn(ada)
	require.Equal(t, 401, status(tokens[0]))
	require.Equal(t, 200, status(tokens[1]))
	require.Equal(t, 200, status(made), "tokens that were made are not counted")
	require.Equal(t, 200, s.Send(t, "GET", bob.Path(), "", apitest.Auth(other)).Status)

	out := s.Send(t, "DELETE", "/openapi/v1/auth-token", "", apitest.Auth(tokens[50]))
	require.Equal(t, 204, out.Status)
	require.Empty(t, out.Body)
	require.Equal(t, 401, status(tokens[50]))
	require.Equal(t, 401, s.Send(t, "DELETE", "/openapi/v1/auth-token", "", apitest.Auth(tokens[50])).Status)
	require.Equal(t, 200, status(tokens[49]))
	require.Equal(t, 204, s.Send(t, "DELETE", "/openapi/v1/auth-token", "", apitest.Auth(made)).Status, "a token that was made can log out, too")
	require.Equal(t, 401, status(made))

	for body, want := range map[string]int{
		`{"phone":"1","email":"ada@example.com","enterprise_id":"other","is_active":true}`: 200,
		`{"is_active":null}`: 401,
	} {
		s.DB.SetEnterprise(t, ada, "default")
		s.DB.SetActive(t, ada, new(true))
		token := logIn(ada)
		require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), body).Status)
		require.Equal(t, want, status(token), body)
		require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"is_active":true}`).Status)
		require.Equal(t, want, status(token), "it stays as it is when the owner is active again")
	}
}

// The operator's token cannot log out.
func TestOperatorsTokenDoesNotLogOut(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	operator := strings.Repeat("operator", 4)
	_, err := s.Service.Start(t.Context(), operator, nil)
	require.NoError(t, err)
	answer := s.Send(t, "DELETE", "/openapi/v1/auth-token", "", apitest.Auth(operator))
	require.Equal(t, 409, answer.Status)
	require.Equal(t, "operator_token", string(answer.Problem(t).Code))
	require.Equal(t, 200, s.Send(t, "GET", people.First.Path(), "", apitest.Auth(operator)).Status)
}

// A log-in gives no token if, while its password is verified, the password or the state
// changes or the user is deleted.
func TestLogInIsDecidedInTheUnit(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t testing.TB, db *apitest.Database)
		status    int
	}{
		"nothing": {func(testing.TB, *apitest.Database) {}, 200},
		"password": {func(t testing.TB, db *apitest.Database) {
			db.SetPasswordHash(t, people.User, "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
		}, 401},
		"no password": {func(t testing.TB, db *apitest.Database) { db.SetPasswordHash(t, people.User, "") }, 401},
		"deactivated": {func(t testing.TB, db *apitest.Database) { db.SetActive(t, people.User, new(false)) }, 401},
		"undecided":   {func(t testing.TB, db *apitest.Database) { db.SetActive(t, people.User, nil) }, 401},
		"deleted":     {func(t testing.TB, db *apitest.Database) { db.DeleteUser(t, people.User) }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			held := apitest.NewHeldHasher()
			s := apitest.Start(t, apitest.Config{Hasher: held, LogInLimit: 1})
			s.DB.InsertPeopleWhoLogIn(t)
			answer := held.Meanwhile(t,
				func() apitest.Answer { return s.LogIn(t, people.User.Username(), apitest.Password) },
				func() { c.meanwhile(t, s.DB) })
			require.Equal(t, c.status, answer.Status)
			require.Len(t, s.DB.TokensOf(t, people.User, directory.TokenLogIn), map[int]int{200: 1, 401: 0}[c.status])
			if c.status == 401 && name != "deleted" {
				require.Equal(t, 429, s.LogIn(t, people.User.Username(), apitest.Password).Status, "the log-in counts as failed")
			}
		})
	}
}

// A user without a password cannot log in, whatever password is sent.
func TestNoPasswordNoLogIn(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, password := range []string{"correct horse", "\u0000", " "} {
		require.NotEqual(t, 200, s.LogIn(t, "default/admin", password).Status)
	}
	require.Equal(t, 200, s.Send(t, "PUT", people.First.Path(), `{"password":"correct horse"}`).Status)
	require.Equal(t, 200, s.LogIn(t, "default/admin", "correct horse").Status)
}
