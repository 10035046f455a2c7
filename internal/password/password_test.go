package password_test

import (
	"context"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"userapi/internal/password"
)

// This is the only test that hashes at the real cost.
func TestHashHasTheRealCost(t *testing.T) {
	hash, err := password.NewHasher(password.Params()).Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
	match, err := argon2id.ComparePasswordAndHash("correct horse", hash)
	require.NoError(t, err)
	require.True(t, match)
}

func cheapParams() *argon2id.Params {
	return &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16}
}

func TestHashIgnoresUnicodeComposition(t *testing.T) {
	hash, err := password.NewHasher(cheapParams()).Hash(t.Context(), "cafe\u0301 au lait")
	require.NoError(t, err)
	match, err := argon2id.ComparePasswordAndHash("caf\u00e9 au lait", hash)
	require.NoError(t, err)
	require.True(t, match)
}

func TestHashIsSalted(t *testing.T) {
	hasher := password.NewHasher(cheapParams())
	one, err := hasher.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	other, err := hasher.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, one, other)
}

func TestVerifyAcceptsOnlyThePassword(t *testing.T) {
	hasher := password.NewHasher(cheapParams())
	hash, err := hasher.Hash(t.Context(), "caf\u00e9 au lait")
	require.NoError(t, err)
	for given, matches := range map[string]bool{"caf\u00e9 au lait": true, "cafe\u0301 au lait": true, "Caf\u00e9 au lait": false, "": false} {
		got, err := hasher.Verify(t.Context(), given, hash)
		require.NoError(t, err)
		require.Equal(t, matches, got, given)
		got, err = hasher.Verify(t.Context(), given, "")
		require.NoError(t, err)
		require.False(t, got, "no password matches an empty hash")
	}
	_, err = hasher.Verify(t.Context(), "x", "no hash")
	require.Error(t, err)
}

// Nothing is hashed for a client that has left.
func TestNothingIsHashedAfterTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hasher := password.NewHasher(cheapParams())
	_, err := hasher.Hash(ctx, "correct horse")
	require.ErrorIs(t, err, context.Canceled)
	_, err = hasher.Verify(ctx, "correct horse", "")
	require.ErrorIs(t, err, context.Canceled)
}
