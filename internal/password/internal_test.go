package password

import (
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
)

// If there is no hash, Verify does the same work.
func TestDummyHashHasTheRealCost(t *testing.T) {
	params, salt, key, err := argon2id.DecodeHash(NewHasher(Params()).dummyHash)
	require.NoError(t, err)
	require.Equal(t, Params(), params)
	require.Len(t, salt, int(Params().SaltLength))
	require.Len(t, key, int(Params().KeyLength))
}
