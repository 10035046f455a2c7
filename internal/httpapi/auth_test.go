package httpapi_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

func TestAuthorizationHeader(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, accepted := range []string{"TOKEN", "Bearer TOKEN", "bearer TOKEN", "BEARER   TOKEN"} {
		answer := s.Send(t, "GET", people.First.Path(), "", apitest.Auth(strings.Replace(accepted, "TOKEN", s.Token, 1)))
		require.Equal(t, 200, answer.Status, accepted)
	}
	for _, refused := range [][]string{
		{"Authorization:"},
		{"Authorization: Bearer"},
		{"Authorization: Bearer wrong"},
		{"Authorization: wrong"},
		{"Authorization: Basic TOKEN"},
		{"Authorization: Bearer Bearer TOKEN"},
		{"Authorization: Bearer TOKENx"},
		{"Authorization: Bearer \u00a0TOKEN"},
		{"Authorization: Bearer TOKEN", "Authorization: Bearer TOKEN"},
		{"Authorization: Bearer TOKEN, Bearer TOKEN"},
		{"Authorization: Bearer " + strings.Repeat("x", 8000)},
		{"Authorization:", "X-Api-Key: TOKEN"},
	} {
		for i := range refused {
			refused[i] = strings.ReplaceAll(refused[i], "TOKEN", s.Token)
		}
		answer := s.Send(t, "GET", people.First.Path(), "", refused...)
		require.Equal(t, 401, answer.Status, refused)
		require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
		require.NotContains(t, answer.Body, s.Token)
	}
	require.Equal(t, 401, s.Send(t, "GET", people.First.Path()+"?access_token="+s.Token, "", apitest.NoAuth).Status)
	require.Equal(t, 401, s.Send(t, "PUT", people.First.Path(), "not read", apitest.NoAuth, "Content-Type: x").Status)
}

// A token is valid until it expires or is ended, and only while its owner is active.
func TestTokensEnd(t *testing.T) {
	clock := apitest.NewClock()
	s := apitest.Start(t, apitest.Config{Clock: clock})
	ada := s.CreateUser(t, "ada")
	status := func(token string) int {
		return s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status
	}
	put := func(body string) {
		t.Helper()
		require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), body).Status)
	}

	short := s.CreateTokenWith(t, ada, "short", time.Minute)
	require.Equal(t, 200, status(short))
	clock.Advance(59 * time.Second)
	require.Equal(t, 200, status(short))
	clock.Advance(time.Second)
	require.Equal(t, 401, status(short))

	for _, state := range []string{"false", "null"} {
		token := s.CreateToken(t, ada)
		require.Equal(t, 200, status(token))
		put(`{"is_active":` + state + `}`)
		require.Equal(t, 401, status(token))
		inactive := s.CreateToken(t, ada)
		require.Equal(t, 401, status(inactive), "the owner is not active")
		put(`{"is_active":true}`)
		require.Equal(t, 401, status(token), "it stays ended when the owner is active again")
	}

	put(`{"is_active":null}`)
	waiting := s.CreateToken(t, ada)
	put(`{"phone":"1"}`)
	put(`{"is_active":true}`)
	require.Equal(t, 200, status(waiting), "it was made while its owner was not active")

	token := s.CreateToken(t, ada)
	put(`{"email":"ada@example.com","phone":"1","enterprise_id":"other","is_active":true}`)
	require.Equal(t, 200, status(token))
	put(`{"password":"new password"}`)
	require.Equal(t, 401, status(token), "somebody else changed the password")

	own, sibling := s.CreateToken(t, ada), s.CreateToken(t, ada)
	answer := s.Send(t, "PUT", ada.Path(), `{"password":"new password"}`, apitest.Auth(own))
	require.Equal(t, 200, answer.Status)
	require.Equal(t, 200, status(own), "the token that changed the password stays")
	require.Equal(t, 401, status(sibling))

	s.RevokeToken(t, ada)
	require.Equal(t, 401, status(own))
	require.Equal(t, 200, s.Send(t, "GET", people.First.Path(), "").Status)
}

// The database holds the SHA-256 of a token and the argon2id hash of a password.
func TestTokensAndPasswordsAreHashed(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	hash := sha256.Sum256([]byte(s.Token))
	require.Equal(t, [][]byte{hash[:]}, s.DB.TokenHashes(t))
	ada := s.CreateUser(t, "ada")
	require.Regexp(t, `^\$argon2id\$`, s.DB.Row(t, ada).PasswordHash)
	require.Regexp(t, `^ua_[A-Za-z0-9_-]{43}$`, s.Token)
}

// A token in the settings of a server becomes the operator's, even if it was another user's.
func TestKnownTokenBecomesTheOperators(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	status := func() int { return s.Send(t, "GET", people.First.Path(), "").Status }
	for _, c := range []struct {
		operator string
		status   int
	}{{s.Token, 200}, {s.Token, 200}, {"", 401}} {
		_, err := s.Service.Start(t.Context(), c.operator, nil)
		require.NoError(t, err)
		require.Equal(t, c.status, status())
	}

	s.Token = s.CreateToken(t, people.First)
	ada := s.CreateUser(t, "ada")
	anothers := s.CreateTokenWith(t, ada, "x", time.Hour)
	_, err := s.Service.Start(t.Context(), anothers, nil)
	require.NoError(t, err)
	require.Empty(t, s.DB.TokensOf(t, ada))
	operators := s.DB.TokensOf(t, people.First, directory.TokenOperator)
	require.Len(t, operators, 1)
	require.Equal(t, "operator", operators[0].Name)
	require.Zero(t, operators[0].Expires)
	require.Equal(t, 200, s.Send(t, "PUT", people.First.Path(), `{"password":"new password"}`).Status)
	require.Equal(t, 200, s.Send(t, "GET", people.First.Path(), "", apitest.Auth(anothers)).Status, "a new password does not end the operator's token")
}
