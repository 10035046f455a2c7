package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
	"userapi/internal/directory"
)

func TestCreateUser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	answer := s.Send(t, "POST", "/openapi/v1/users",
		apitest.NewUser("default", "bob", `"email":"Bob@Example.com"`, `"phone":"1"`, `"origion":""`, `"is_active":null`), "X-Forwarded-For: 192.0.2.7")
	require.Equal(t, 201, answer.Status, answer.Body)
	require.Equal(t, "/openapi/v1/users/2", answer.Header.Get("Location"))
	read := s.Send(t, "GET", answer.Header.Get("Location"), "")
	require.JSONEq(t, answer.Body, read.Body)

	info, err := s.Client(t, s.Token).GetUserWithResponse(t.Context(), "2", nil)
	require.NoError(t, err)
	got := info.JSON200
	require.NotNil(t, got)
	s.RequireRecent(t, got.CreateTime)
	require.Equal(t, time.UTC, got.CreateTime.Location())
	got.CreateTime = time.Time{}
	want := client.UserInfo{UserID: 2, NickName: "bob", EnterpriseID: "default", Phone: "1"}
	want.Email.Set("Bob@Example.com")
	want.Origion.Set("")
	want.IsActive.SetNull()
	want.ClientIP.Set("192.0.2.7")
	require.Equal(t, want, *got)

	minimal := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "cy"))
	require.Equal(t, 201, minimal.Status)
	require.Contains(t, minimal.Body, `"is_active":true`)
	require.Equal(t, true, apitest.Contract().Components.Schemas["CreateUser"].Value.Properties["is_active"].Value.Default)
	require.Contains(t, minimal.Body, `"email":null`)
	require.Contains(t, minimal.Body, `"origion":null`)
	require.Contains(t, minimal.Body, `"client_ip":"127.0.0.1"`)
}

// A name is taken in any letter case and Unicode composition, but only in its enterprise.
func TestNickNames(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	create := func(name, enterprise string) int {
		t.Helper()
		answer := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser(enterprise, name))
		if answer.Status == 409 {
			require.Equal(t, []string{"/nick_name taken"}, answer.Faults(t))
			require.NotContains(t, answer.Body, name)
		}
		return answer.Status
	}
	require.Equal(t, 201, create("Stra\u00dfe\u00c9", "default"))
	for _, same := range []string{"Stra\u00dfe\u00c9", "STRASSE\u00c9", "strasse\u00e9", "strassee\u0301", "STRASSEE\u0301"} {
		require.Equal(t, 409, create(same, "default"), same)
	}
	require.Equal(t, 201, create("strasse", "default"))
	require.Equal(t, 201, create("\u1f84", "default"))
	require.Equal(t, 409, create("\u03b1\u0345\u0313\u0301", "default"), "the name is canonically equivalent to one that is taken")
	require.Equal(t, 201, create("strasse\u00e9", "Default"))
	require.Equal(t, 409, create("ADMIN", "default"))
	require.Equal(t, 201, create(strings.Repeat("\u00e9", 64), "default"))
}

// The number of a deleted user is not used again, and a start does not create user 1 again.
func TestNumbersAreNeverUsedAgain(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	require.Equal(t, []directory.UserID{2, 3}, []directory.UserID{ada.ID, bob.ID})
	s.CreateToken(t, bob)
	s.DB.DeleteUser(t, bob)
	require.Empty(t, s.DB.TokensOf(t, bob))
	require.EqualValues(t, 4, s.CreateUser(t, "bob").ID)

	s.DB.DeleteUser(t, people.First)
	started, err := s.Service.Start(t.Context(), strings.Repeat("operator", 4), nil)
	require.NoError(t, err)
	require.Equal(t, directory.Started{OperatorRefused: true}, started)
	require.Equal(t, 401, s.Send(t, "GET", ada.Path(), "", apitest.Auth(strings.Repeat("operator", 4))).Status)
}
