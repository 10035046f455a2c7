package password_test

import (
	"context"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

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

// A password can be typed in another spelling than the one that was set, also if the hash was made of
// the password in Unicode NFC, as by older versions.
func TestVerifyAcceptsSpellings(t *testing.T) {
	hasher := password.NewHasher(cheapParams())
	for _, c := range []struct {
		set, typed             string
		matchesNew, matchesOld bool
	}{
		{"correct horse", "correct horse", true, true},
		{"caf\u00e9 au lait", "cafe\u0301 au lait", true, true},
		{"cafe\u0301 au lait", "caf\u00e9 au lait", true, true},
		{"correct\u3000horse", "correct\u3000horse", true, true},
		{"correct\u3000horse", "correct horse", true, false}, // the old hash has the wide space
		{"correct\u2000horse", "correct\u2002horse", true, true},
		{"correct horse", "correct\u00a0horse", true, true},
		{"caf\u00e9\u00a0au lait", "cafe\u0301\u00a0au lait", true, true},
		{"correct\u200bhorse", "correct\u200bhorse", true, true}, // is refused today
		{"caf\u00e9\u200b au lait", "cafe\u0301\u200b au lait", true, true},
		{"correct\u200bhorse", "correcthorse", false, false},
		{"\u2764\ufe0f and horses", "\u2764\ufe0f and horses", true, true},
		{"\u2764\ufe0f and horses", "\u2764 and horses", false, false},
		{"\uff43orrect horse", "correct horse", false, false}, // width makes a difference
		{"Correct horse", "correct horse", false, false},
		{strings.Repeat("\uac01", 64), strings.Repeat("\u1100\u1161\u11a8", 64), true, true},
	} {
		hash, err := hasher.Hash(t.Context(), c.set)
		require.NoError(t, err)
		old, err := argon2id.CreateHash(norm.NFC.String(c.set), cheapParams())
		require.NoError(t, err)
		for hash, want := range map[string]bool{hash: c.matchesNew, old: c.matchesOld, "": false} {
			got, err := hasher.Verify(t.Context(), c.typed, hash)
			require.NoError(t, err)
			require.Equal(t, want, got, "%+q %+q %s", c.set, c.typed, hash)
		}
	}
}
