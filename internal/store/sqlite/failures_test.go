package sqlite

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// Counts that have ended are forgotten, so that only those of the last minute take memory.
func TestEndedFailuresAreForgotten(t *testing.T) {
	now := time.Unix(0, 0)
	s := &Store{failures: newFailures(func() time.Time { return now })}
	key := func(i int) directory.FailureKey { return sha256.Sum256([]byte(fmt.Sprint(i))) }
	const perSecond = 10
	for i := range 1000 {
		if i%perSecond == 0 {
			now = now.Add(time.Second)
		}
		require.NoError(t, s.AddFailure(t.Context(), []directory.FailureKey{key(i), key(-1)}))
		require.LessOrEqual(t, len(s.failures.counts), 60*perSecond+1)
		require.Len(t, s.failures.begun, len(s.failures.counts))
	}
	found, err := s.Failures(t.Context(), []directory.FailureKey{key(999), key(0)})
	require.NoError(t, err)
	require.Equal(t, map[directory.FailureKey]directory.Failures{key(999): {Count: 1, Remaining: time.Minute}}, found)
	now = now.Add(time.Minute)
	found, err = s.Failures(t.Context(), []directory.FailureKey{key(999), key(-1)})
	require.NoError(t, err)
	require.Empty(t, found)
	require.Empty(t, s.failures.counts)
}
