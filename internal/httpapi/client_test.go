package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/httpapi/apitest"
)

// The generated client reads versions, sets conditions and receives errors as problems.
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
	stranger, err := s.Client(t, "wrong").GetUserWithResponse(t.Context(), "2", nil)
	require.NoError(t, err)
	require.Equal(t, client.ProblemCodeUnauthenticated, stranger.ApplicationProblemJSON401.Code)
}
