package apitest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/directory"
)

// Password is the password of the users that CreateUser makes.
const Password = "correct horse"

// NewUser returns the body of createUser for a user whose password is Password. Members
// are further members in JSON, as in `"phone":"1"`.
func NewUser(enterprise, name string, members ...string) string {
	required := fmt.Sprintf(`"enterprise_id":%s,"nick_name":%s,"password":%s`, quote(enterprise), quote(name), quote(Password))
	return "{" + strings.Join(append([]string{required}, members...), ",") + "}"
}

// NewPassword returns the body of changeOwnPassword.
func NewPassword(password string) string {
	return fmt.Sprintf(`{"password":%[1]s,"password1":%[1]s}`, quote(password))
}

// NewPassword returns the body of changePassword for this person.
func (p Person) NewPassword(password string) string {
	return fmt.Sprintf(`{"user_id":%d,"password":%[2]s,"password1":%[2]s}`, p.ID, quote(password))
}

// Appointment returns the body of createAdministrator for this person.
func (p Person) Appointment(enterprise string) string {
	return fmt.Sprintf(`{"user_id":"%d","eid":%s}`, p.ID, quote(enterprise))
}

// quote returns a string in JSON.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// CreateUser creates a user in the enterprise default, with these members of NewUser.
func (s *Server) CreateUser(t testing.TB, name string, members ...string) Person {
	t.Helper()
	return s.CreateUserIn(t, "default", name, members...)
}

// CreateUserIn creates a user in an enterprise, with these members of NewUser.
func (s *Server) CreateUserIn(t testing.TB, enterprise, name string, members ...string) Person {
	t.Helper()
	answer := s.Send(t, "POST", "/openapi/v1/users", NewUser(enterprise, name, members...))
	require.Equal(t, 201, answer.Status, answer.Body)
	var created client.UserInfo
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &created))
	return Person{ID: directory.UserID(created.UserID), Name: name, Role: directory.RoleUser, Enterprise: enterprise}
}

// Appoint makes a user an administrator of the user's enterprise.
func (s *Server) Appoint(t testing.TB, p Person) {
	t.Helper()
	answer := s.Send(t, "POST", "/openapi/v1/administrators", p.Appointment(p.Enterprise))
	require.Equal(t, 201, answer.Status, answer.Body)
}

// LogIn tries a username and a password. Answer.Token has the token.
func (s *Server) LogIn(t testing.TB, username, password string, headers ...string) Answer {
	t.Helper()
	return s.Send(t, "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":%s,"password":%s}`, quote(username), quote(password)),
		append([]string{NoAuth}, headers...)...)
}

// Token returns the token in the answer of a successful LogIn.
func (a Answer) Token(t testing.TB) string {
	t.Helper()
	require.Equal(t, 200, a.Status, a.Body)
	var answered client.AuthToken
	require.NoError(t, json.Unmarshal([]byte(a.Body), &answered))
	return answered.Token
}

// CreateToken makes a token that does not expire, as the command line does.
func (s *Server) CreateToken(t testing.TB, p Person) string {
	t.Helper()
	return s.CreateTokenWith(t, p, "test", 0)
}

// RevokeToken revokes the only token of a user, as the command line does.
func (s *Server) RevokeToken(t testing.TB, p Person) {
	t.Helper()
	tokens := s.DB.TokensOf(t, p)
	require.Len(t, tokens, 1)
	require.NoError(t, s.Service.RevokeToken(t.Context(), tokens[0].ID))
}

// CreateTokenWith makes a token with a name and a life; 0 is for ever.
func (s *Server) CreateTokenWith(t testing.TB, p Person, name string, life time.Duration) string {
	t.Helper()
	secret, _, err := s.Service.CreateToken(t.Context(), p.ID, name, life)
	require.NoError(t, err)
	return secret
}
