package password_test

import (
	"context"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/password"
)

// This is the only test that hashes at the real cost.
func TestHashHasTheRealCost(t *testing.T) {
	hash, err := password.NewGate(password.Params(), 1).Hash(t.Context(), "correct horse")
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
	hash, err := password.NewGate(cheapParams(), 1).Hash(t.Context(), "cafe\u0301 au lait")
	require.NoError(t, err)
	match, err := argon2id.ComparePasswordAndHash("caf\u00e9 au lait", hash)
	require.NoError(t, err)
	require.True(t, match)
}

func TestHashIsSalted(t *testing.T) {
	gate := password.NewGate(cheapParams(), 1)
	one, err := gate.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	other, err := gate.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, one, other)
}

// If no slot is free, Hash waits until its context ends.
func TestHashWaitsForASlot(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := password.NewGate(cheapParams(), 0).Hash(ctx, "correct horse")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Verify waits for a slot as Hash does, even if there is no hash.
func TestVerifyWaitsForASlot(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := password.NewGate(cheapParams(), 0).Verify(ctx, "correct horse", "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Each queue has room for 64 requests per slot. A full queue refuses a request at once. When
// requests leave, there is room again.
func TestQueuesAreBounded(t *testing.T) {
	const capacity = 64
	gate := password.NewGate(cheapParams(), 0)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	hashOne := func() error { _, err := gate.Hash(ctx, "correct horse"); return err }
	verifyOne := func() error { _, err := gate.Verify(ctx, "correct horse", ""); return err }
	for _, request := range []func() error{verifyOne, hashOne} {
		for range capacity + 3 {
			go func() { errs <- request() }()
		}
		for range 3 {
			require.True(t, directory.IsCode(<-errs, directory.CodeUnavailable), "a full queue must refuse the request")
		}
	}
	cancel()
	for range 2 * capacity {
		require.ErrorIs(t, <-errs, context.Canceled)
	}
	require.ErrorIs(t, verifyOne(), context.Canceled, "the queue must have room again")
}

func TestVerifyAcceptsOnlyThePassword(t *testing.T) {
	gate := password.NewGate(cheapParams(), 1)
	hash, err := gate.Hash(t.Context(), "caf\u00e9 au lait")
	require.NoError(t, err)
	for given, matches := range map[string]bool{"caf\u00e9 au lait": true, "cafe\u0301 au lait": true, "Caf\u00e9 au lait": false, "": false} {
		got, err := gate.Verify(t.Context(), given, hash)
		require.NoError(t, err)
		require.Equal(t, matches, got, given)
		got, err = gate.Verify(t.Context(), given, "")
		require.NoError(t, err)
		require.False(t, got, "no password matches an empty hash")
	}
	_, err = gate.Verify(t.Context(), "x", "no hash")
	require.Error(t, err)
}

func TestHashStopsWaitingWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := password.NewGate(cheapParams(), 0).Hash(ctx, "correct horse")
	require.ErrorIs(t, err, context.Canceled)
}
