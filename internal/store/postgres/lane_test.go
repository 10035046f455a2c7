package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// While a batch waits for a lock of another node, the next one runs.
func TestABatchRunsNextToOneThatWaits(t *testing.T) {
	address := storetest.NewPostgres(t)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	other, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(t.Context())) }()
	event := &directory.Event{At: time.Unix(1, 0), EnterpriseID: "e"}
	var ids [2]directory.UserID
	for i := range ids {
		created, err := s.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
			u := directory.User{Version: 1, NickName: fmt.Sprint("user", i), EnterpriseID: "e", Role: directory.RoleUser, CreateTime: time.Unix(1, 0)}
			return directory.Change{User: u, Event: event}, nil
		})
		require.NoError(t, err)
		ids[i] = created.ID
	}
	change := func(id directory.UserID) error {
		_, err := s.Change(t.Context(), directory.Operator(), id, func(f directory.Facts) (directory.Change, error) {
			u := f.Target
			u.Version++
			return directory.Change{User: u, Fields: []directory.Field{directory.FieldPhone}, Event: event}, nil
		})
		return err
	}
	// waitingSince is when the batch began to wait, or the zero time.
	waitingSince := func() (since time.Time) {
		require.NoError(t, other.QueryRow(t.Context(), `SELECT coalesce(max(waitstart), '0001-01-01Z') FROM pg_locks
			WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&since))
		return since
	}
	require.Eventually(t, func() bool {
		_, err := other.Exec(t.Context(), `SELECT pg_advisory_lock(1, $1)`, int32(ids[0]))
		require.NoError(t, err)
		first := make(chan error)
		go func() { first <- change(ids[0]) }()
		var since time.Time
		require.Eventually(t, func() bool { since = waitingSince(); return since.Year() > 1 }, time.Minute, time.Millisecond)
		require.NoError(t, change(ids[1]))
		waits := waitingSince().Equal(since)
		_, err = other.Exec(t.Context(), `SELECT pg_advisory_unlock(1, $1)`, int32(ids[0]))
		require.NoError(t, err)
		// On a busy machine, the lock timeout can end before the other change has.
		return <-first == nil && waits
	}, time.Minute, time.Millisecond)
}
