package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// createMany stores n users.
func createMany(t testing.TB, s directory.Store, n int) []directory.UserID {
	t.Helper()
	ids := make([]directory.UserID, n)
	for i := range ids {
		ids[i] = createNamed(t, s, fmt.Sprint("user", i), directory.RoleUser).ID
	}
	return ids
}

var setPhone = set(func(u *directory.User) { u.Phone = fmt.Sprint(u.Version) }, directory.FieldPhone)

// A unit that is refused, panics or cannot be stored is undone with everything that it has written, and no
// other unit is.
func failedUnitsAreUndoneAlone(t *testing.T, db Database) {
	s := db.open(t)
	for _, statement := range db.RefuseFaults {
		db.mustExec(t, statement)
	}
	ids := createMany(t, s, 16)
	refused := &directory.Error{Code: directory.CodeForbidden}
	const rounds = 5
	for range rounds {
		for i, err := range atOnce(len(ids), func(i int) error {
			_, err := s.Change(t.Context(), directory.Operator(), ids[i], func(f directory.Facts) (directory.Change, error) {
				change, err := setPhone(f)
				switch i % 4 {
				case 1:
					err = refused
				case 2:
					change.Event.Operation = "fault"
				case 3:
					panic("canary")
				}
				return change, err
			})
			return err
		}) {
			switch i % 4 {
			case 0:
				require.NoError(t, err)
			case 1:
				require.ErrorIs(t, err, refused)
			case 2:
				require.ErrorContains(t, err, "injected")
			case 3:
				require.ErrorContains(t, err, "panic: string")
				require.NotContains(t, err.Error(), "canary")
			}
		}
	}
	for i, id := range ids {
		want := int64(1)
		if i%4 == 0 {
			want += rounds
		}
		requireVersion(t, s, id, want)
		_, total, err := s.Events(t.Context(), directory.EventFilter{TargetID: id}, directory.Page{Number: 1, Size: 1})
		require.NoError(t, err)
		require.Equal(t, want, total)
	}
}

// hold keeps the writer of a node busy until release is called.
func hold(t *testing.T, s directory.Store, id directory.UserID) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	var running sync.WaitGroup
	running.Go(func() {
		_, err := s.Change(t.Context(), directory.Operator(), id, func(f directory.Facts) (directory.Change, error) {
			begin()
			<-end
			return directory.Change{User: f.Target}, nil
		})
		assert.NoError(t, err)
	})
	<-begun
	return func() { close(end); running.Wait() }
}

// If too many units wait, a further one fails at once. The others are made.
func queuesAreBounded(t *testing.T, db Database) {
	s := db.open(t)
	const units = 3000
	ids := createMany(t, s, 64)
	release := hold(t, s, ids[0])
	var made atomic.Int64
	var running sync.WaitGroup
	refused := make(chan error, units)
	for i := range units {
		running.Go(func() {
			if _, err := s.Change(t.Context(), directory.Operator(), ids[i%len(ids)], setPhone); err != nil {
				refused <- err
				return
			}
			made.Add(1)
		})
	}
	first := <-refused // no unit is made as long as the writer is busy
	release()
	running.Wait()
	close(refused)
	require.True(t, directory.IsCode(first, directory.CodeUnavailable), "%v", first)
	for err := range refused {
		require.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
	}
	require.GreaterOrEqual(t, made.Load(), int64(1000))
	requireChanges(t, s, ids, made.Load())
}

// requireChanges fails unless the users have been changed so often.
func requireChanges(t *testing.T, s directory.Store, ids []directory.UserID, want int64) {
	t.Helper()
	users, err := s.UsersAfter(t.Context(), directory.UserFilter{Roles: directory.Roles()}, 0, len(ids)+1)
	require.NoError(t, err)
	require.Len(t, users, len(ids))
	changes := int64(0)
	for _, u := range users {
		changes += u.Version - 1
	}
	require.Equal(t, want, changes)
}

// Close commits the units in the queue, and refuses new ones. What was answered is there.
func closingCommitsQueuedUnits(t *testing.T, db Database) {
	s, err := db.Open(t.Context())
	require.NoError(t, err)
	ids := createMany(t, s, 16)
	var made atomic.Int64
	var started, running sync.WaitGroup
	for _, id := range ids {
		started.Add(1)
		running.Go(func() {
			begun := sync.OnceFunc(started.Done)
			defer begun()
			for {
				if _, err := s.Change(t.Context(), directory.Operator(), id, setPhone); err != nil {
					assert.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
					return
				}
				made.Add(1)
				begun()
			}
		})
	}
	started.Wait()
	require.NoError(t, s.Close())
	running.Wait()
	requireChanges(t, db.open(t), ids, made.Load())
}
