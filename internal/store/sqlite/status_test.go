package sqlite

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// newTestStatus returns a status with a clock that the test moves, and its log.
func newTestStatus() (s *status, clock *time.Time, log *bytes.Buffer) {
	log, clock = &bytes.Buffer{}, &time.Time{}
	*clock = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s = newStatus(slog.New(slog.NewTextHandler(log, nil)))
	s.now = func() time.Time { return *clock }
	return s, clock, log
}

// Failing checkpoints are logged once a minute with their number. When they have lasted for a minute, the
// store is not ready, until one succeeds.
func TestFailingCheckpointsEndReadiness(t *testing.T) {
	s, clock, log := newTestStatus()
	failure := sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrFsync}
	for range 61 {
		s.checkpointEnded(failure)
		require.NoError(t, s.problem())
		*clock = clock.Add(time.Second)
	}
	require.Equal(t, 2, strings.Count(log.String(), "a checkpoint failed"))
	require.Contains(t, log.String(), "failures=60")
	s.checkpointEnded(failure)
	require.True(t, directory.IsCode(s.problem(), directory.CodeUnavailable))
	require.ErrorContains(t, s.problem(), "Checkpoints of the database have failed since 2026-01-01T00:00:00Z.")
	require.EqualValues(t, 62, s.counts().CheckpointFailures)
	s.checkpointEnded(nil)
	require.NoError(t, s.problem())
	require.Contains(t, log.String(), "checkpoints work again")
}

// A checkpoint that another process runs is no failure.
func TestBusyCheckpointsAreNoFailure(t *testing.T) {
	s, _, log := newTestStatus()
	s.checkpointEnded(sqlite3.Error{Code: sqlite3.ErrBusy})
	require.Zero(t, s.counts().CheckpointFailures)
	require.Empty(t, log.String())
}

// Refused writes end the readiness at once. Errors of another kind do not.
func TestRefusedWritesEndReadiness(t *testing.T) {
	s, clock, log := newTestStatus()
	s.writeFailed(&directory.Error{Code: directory.CodeForbidden})
	s.writeFailed(sqlite3.Error{Code: sqlite3.ErrConstraint})
	s.writeFailed(nil)
	require.NoError(t, s.problem())
	for range 90 {
		s.writeFailed(sqlite3.Error{Code: sqlite3.ErrFull})
		require.ErrorContains(t, s.problem(), "The database cannot be written.")
		*clock = clock.Add(time.Second)
	}
	require.Equal(t, 2, strings.Count(log.String(), "level=ERROR"))
	s.writeSucceeded()
	s.writeSucceeded()
	require.NoError(t, s.problem())
	require.Equal(t, 1, strings.Count(log.String(), "can be written again"))
}

// A log over 64 MB that a reader holds is logged once a minute. One that is moved is cut soon.
func TestLongLogIsLogged(t *testing.T) {
	s, clock, log := newTestStatus()
	s.warnOfLength(longLog-1, logState{frames: 2, moved: 1})
	s.warnOfLength(longLog, logState{frames: 2, moved: 2})
	require.Empty(t, log.String())
	for range 61 {
		s.warnOfLength(longLog, logState{frames: 2, moved: 1})
		*clock = clock.Add(time.Second)
	}
	require.Equal(t, 2, strings.Count(log.String(), "level=WARN"))
}

// Only a write that failed is known to have committed nothing.
func TestOnlyAFailedWriteIsRefused(t *testing.T) {
	require.True(t, isRefusedWrite(sqlite3.Error{Code: sqlite3.ErrFull}))
	require.True(t, isRefusedWrite(sqlite3.Error{Code: sqlite3.ErrReadonly}))
	require.True(t, isRefusedWrite(sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrWrite}))
	for _, code := range []sqlite3.ErrNoExtended{
		sqlite3.ErrIoErrFsync, sqlite3.ErrIoErrDirFsync, sqlite3.ErrIoErrTruncate, sqlite3.ErrIoErrSHMSize, sqlite3.ErrIoErrSHMMap, sqlite3.ErrIoErrRead,
	} {
		require.False(t, isRefusedWrite(sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: code}))
	}
}
