package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
)

// The generated client reads versions, sends conditions and returns errors as problems.
func TestGeneratedClient(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	s.CreateUser(t, "bob")
	c := s.Client(t, s.Token)
	address, enterprise, short := "ada@example.com", "other", "short"

	read, err := c.GetUserWithResponse(t.Context(), "2", nil)
	require.NoError(t, err)
	require.NotNil(t, read.Headers200)
	version := read.Headers200.ETag
	unchanged, err := c.GetUserWithResponse(t.Context(), "2", &client.GetUserParams{IfNoneMatch: &version})
	require.NoError(t, err)
	require.Equal(t, 304, unchanged.StatusCode())
	require.Equal(t, version, unchanged.Headers304.ETag)

	conditional := &client.UpdateUserParams{IfMatch: &version}
	updated, err := c.UpdateUserWithResponse(t.Context(), "2", conditional, client.UpdateUser{Email: &address, EnterpriseID: &enterprise})
	require.NoError(t, err)
	require.Equal(t, &address, updated.JSON200.Email)
	require.Equal(t, &enterprise, updated.JSON200.EnterpriseID)
	require.Nil(t, updated.JSON200.Password)

	stale, err := c.UpdateUserWithResponse(t.Context(), "2", conditional, client.UpdateUser{Email: &address})
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodePreconditionFailed, stale.ApplicationProblemJSON412.Code)
	taken, err := c.UpdateUserWithResponse(t.Context(), "3", nil, client.UpdateUser{Email: &address})
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeEmailTaken, taken.ApplicationProblemJSON409.Code)
	require.Equal(t, "/email", taken.ApplicationProblemJSON409.Errors[0].Pointer)
	invalid, err := c.UpdateUserWithResponse(t.Context(), "3", nil, client.UpdateUser{Password: &short})
	require.NoError(t, err)
	require.Equal(t, []client.Fault{{Pointer: "/password", Code: client.FaultCodeMinLength, Detail: "Send 8 or more characters."}},
		invalid.ApplicationProblemJSON422.Errors)
	missing, err := c.UpdateUserWithResponse(t.Context(), "9", nil, client.UpdateUser{})
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeNotFound, missing.ApplicationProblemJSON404.Code)
	malformed, err := c.UpdateUserWithResponse(t.Context(), "3", &client.UpdateUserParams{IfMatch: &short}, client.UpdateUser{})
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeMalformedHeader, malformed.ApplicationProblemJSON400.Code)
	long := strings.Repeat("1", 1<<16)
	large, err := c.UpdateUserWithResponse(t.Context(), "3", nil, client.UpdateUser{Phone: &long})
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeContentTooLarge, large.ApplicationProblemJSON413.Code)
	stranger, err := s.Client(t, "wrong").GetUserWithResponse(t.Context(), "2", nil)
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeUnauthenticated, stranger.ApplicationProblemJSON401.Code)
}

// An administrator and a user log in with the generated client and call the other
// operations with it.
func TestGeneratedClientLooksAfterUsers(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.Appoint(t, s.CreateUser(t, "ada"))
	ctx := t.Context()
	logIn := func(username, password string) *client.ClientWithResponses {
		t.Helper()
		answer, err := s.Client(t, "").CreateAuthTokenWithResponse(ctx, client.LogIn{Username: username, Password: password})
		require.NoError(t, err)
		require.NotNil(t, answer.JSON200, string(answer.Body))
		return s.Client(t, answer.JSON200.Token)
	}
	ada := logIn("default/ada", apitest.Password)
	const password = "battery staple"

	created, err := ada.CreateUserWithResponse(ctx, client.CreateUser{NickName: "bob", Password: apitest.Password, EnterpriseID: "default"})
	require.NoError(t, err)
	require.EqualValues(t, 3, created.JSON201.UserID)
	query, size := "BO", client.PageSize(1)
	listed, err := ada.ListUsersWithResponse(ctx, &client.ListUsersParams{Query: &query, PageSize: &size})
	require.NoError(t, err)
	require.Equal(t, client.UserList{Users: []client.UserInfo{*created.JSON201}, Total: 1}, *listed.JSON200)
	changed, err := ada.ChangePasswordWithResponse(ctx, "3", nil, client.ChangePassword{UserID: 3, Password: password, Password1: password})
	require.NoError(t, err)
	require.EqualValues(t, 3, changed.JSON200.UserID)
	appointed, err := ada.CreateAdministratorWithResponse(ctx, client.AppointAdministrator{UserID: "3", Eid: "default"})
	require.NoError(t, err)
	require.Equal(t, client.Administrator{UserID: "3", Eid: "default"}, *appointed.JSON201)
	administrators, err := ada.ListAdministratorsWithResponse(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, administrators.JSON200.Total)
	dismissed, err := ada.DeleteAdministratorWithResponse(ctx, "3", nil)
	require.NoError(t, err)
	require.Equal(t, 204, dismissed.StatusCode())

	bob := logIn("default/bob", password)
	own, err := bob.ChangeOwnPasswordWithResponse(ctx, client.ChangeOwnPassword{Password: password, Password1: password})
	require.NoError(t, err)
	require.NotNil(t, own.JSON200)
	forbidden, err := bob.ListUsersWithResponse(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeForbidden, forbidden.ApplicationProblemJSON403.Code)
	out, err := bob.DeleteAuthTokenWithResponse(ctx)
	require.NoError(t, err)
	require.Equal(t, 204, out.StatusCode())
	refused, err := bob.GetUserWithResponse(ctx, "3", nil)
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeUnauthenticated, refused.ApplicationProblemJSON401.Code)

	audit, err := ada.ListUserEventsWithResponse(ctx, "3", nil)
	require.NoError(t, err)
	require.EqualValues(t, 7, audit.JSON200.Total)
	deleted, err := ada.DeleteUserWithResponse(ctx, "3", nil)
	require.NoError(t, err)
	require.Equal(t, 204, deleted.StatusCode())
}

// A client that was generated for another server in 2020 works. It sends the token without
// a scheme, no Accept, a media type even without a body, and no nulls. It expects numbers
// of 32 bits, and JSON in every 2xx except 204.
func TestFieldClient(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.Appoint(t, s.CreateUser(t, "other"))
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             string // what it contains
	}{
		{"POST", "/users", `{"nick_name":"ada","password":"stringst","enterprise_id":"default","origion":"import"}`, 201, `"user_id":3`},
		{"GET", "/users/3", "", 200, `"user_id":3`},
		{"GET", "/users?query=ada&page=1&page_size=10", "", 200, `"total":1`},
		{"PUT", "/users/3", `{"email":"user@example.com","is_active":true}`, 200, `"email":"user@example.com"`},
		{"PUT", "/users/3", `{}`, 200, `"email":"user@example.com"`},
		{"PUT", "/users/3", `[]`, 422, `"code":"type"`},
		{"PUT", "/users/3/changepwd", `{"user_id":3,"password":"stringst","password1":"stringst"}`, 200, `{"user_id":3}`},
		{"PUT", "/changepwd", `{"password":"stringst","password1":"stringst"}`, 200, `{}`},
		{"POST", "/administrators", `{"user_id":"3","eid":"default"}`, 201, `"user_id":"3"`},
		{"GET", "/administrators?eid=default&page=1&page_size=10", "", 200, `"total":2`},
		{"DELETE", "/administrators/3", "", 204, ""},
		{"DELETE", "/users/3", "", 204, ""},
	} {
		answer := s.Send(t, c.method, "/openapi/v1"+c.path, c.body, apitest.Auth(s.Token), "Content-Type: application/json", "Accept:")
		require.Equal(t, c.status, answer.Status, "%s %s: %s", c.method, c.path, answer.Body)
		require.Contains(t, answer.Body, c.answer)
		switch {
		case c.status == 204:
			require.Empty(t, answer.Body)
		case c.status < 300:
			require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
		}
	}
}
