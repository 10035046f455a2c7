package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// Deleting a user ends the tokens and the log-in, and frees the name and the e-mail
// address, but not the number. The audit stays.
func TestDeleteUser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	const email = `"email":"ada@example.com"`
	ada := s.CreateUser(t, "ada", email)
	token, made := s.LogIn(t, ada.Username(), apitest.Password).Token(t), s.CreateToken(t, ada)
	require.Equal(t, 412, s.Send(t, "DELETE", ada.Path(), "", `If-Match: "2"`).Status)
	require.Equal(t, 412, s.Send(t, "DELETE", ada.Path(), "", `If-None-Match: *`).Status)
	require.Equal(t, 400, s.Send(t, "DELETE", ada.Path(), "", `If-Match: 1`).Status)
	answer := s.Send(t, "DELETE", ada.Path(), "", `If-Match: "1"`)
	require.Equal(t, 204, answer.Status)
	require.Empty(t, answer.Body)
	require.Empty(t, answer.Header.Get("Content-Type"))
	for _, ended := range []string{token, made} {
		require.Equal(t, 401, s.Send(t, "GET", ada.Path(), "", apitest.Auth(ended)).Status)
	}
	require.Equal(t, 401, s.LogIn(t, "ada@example.com", apitest.Password).Status)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		require.Equal(t, 404, s.Send(t, method, ada.Path(), "").Status)
	}
	require.Empty(t, s.DB.TokensOf(t, ada))
	events := s.DB.Events(t)
	last := events[len(events)-1]
	require.Equal(t, directory.Event{
		ID: last.ID, At: last.At, ActorID: people.First.ID, TokenName: "first start", TargetID: ada.ID, EnterpriseID: "default",
		Operation: directory.OperationDeleteUser, RequestID: answer.Header.Get("X-Request-Id"),
	}, last)
	require.Equal(t, ada.ID+1, s.CreateUser(t, "ada", email).ID)
}

// You cannot delete yourself: 409 if your role can delete users, otherwise 403.
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
	require.Equal(t, 204, s.Send(t, "DELETE", people.System.Path(), "").Status, "a system administrator deletes another one")
}

// If the event of a change cannot be stored, the request changes nothing.
func TestFailedDeletionLeavesTheUser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	token := s.CreateToken(t, ada)
	s.DB.FailInserts(t, "events")
	before := s.DB.State(t)
	for _, request := range []struct{ method, path, body string }{
		{"DELETE", ada.Path(), ""},
		{"POST", "/openapi/v1/administrators", ada.Appointment("default")},
		{"POST", "/openapi/v1/auth-token", `{"username":"default/ada","password":"correct horse"}`},
		{"PUT", ada.Path() + "/changepwd", ada.NewPassword("new password")},
		{"DELETE", "/openapi/v1/auth-token", ""},
	} {
		require.Equal(t, 500, s.Send(t, request.method, request.path, request.body).Status, request)
	}
	require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status)
	require.Equal(t, before, s.DB.State(t))
}
