package password_test

import (
	"context"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"userapi/internal/password"
)

// The one test with the real cost.
func TestHashHasTheRealCost(t *testing.T) {
	hash, err := password.NewGate(password.Params(), 1).Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
	match, err := argon2id.ComparePasswordAndHash("correct horse", hash)
	require.NoError(t, err)
	require.True(t, match)
}

func cheap() *argon2id.Params {
	return &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16}
}

func TestHashDoesNotDependOnComposition(t *testing.T) {
	hash, err := password.NewGate(cheap(), 1).Hash(t.Context(), "cafe\u0301 au lait")
	require.NoError(t, err)
	match, err := argon2id.ComparePasswordAndHash("caf\u00e9 au lait", hash)
	require.NoError(t, err)
	require.True(t, match)
}

func TestHashIsSalted(t *testing.T) {
	gate := password.NewGate(cheap(), 1)
	one, err := gate.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	other, err := gate.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, one, other)
}

// A gate without a free place lets nobody in.
func TestHashWaitsForAPlace(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := password.NewGate(cheap(), 0).Hash(ctx, "correct horse")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestHashStopsWaitingWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := password.NewGate(cheap(), 0).Hash(ctx, "correct horse")
	require.ErrorIs(t, err, context.Canceled)
}
