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

// hold keeps the writer of a node busy until release is called, or the test ends.
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
	release = sync.OnceFunc(func() { close(end); running.Wait() })
	t.Cleanup(release) // else a test that fails would wait for the writer
	return release
}

// flood is more units than a node lets wait.
type flood struct {
	ids     []directory.UserID
	release func() // lets the writer go on
	made    atomic.Int64
	refused chan error
	running sync.WaitGroup
}

// newFlood returns when the queue of the node is full. Its writer is held.
func newFlood(t *testing.T, s directory.Store) *flood {
	t.Helper()
	const units = 7000 // more than the queue of any dialect holds, and fewer goroutines than the race detector allows
	f := &flood{ids: createMany(t, s, 64), refused: make(chan error, units)}
	f.release = hold(t, s, f.ids[0])
	for i := range units {
		f.running.Go(func() {
			if _, err := s.Change(t.Context(), directory.Operator(), f.ids[i%len(f.ids)], setPhone); err != nil {
				f.refused <- err
				return
			}
			f.made.Add(1)
		})
	}
	first := <-f.refused // no unit is made as long as the writer is held
	require.True(t, directory.IsCode(first, directory.CodeUnavailable), "%v", first)
	return f
}

// end waits for all units, and fails unless those in the queue are made and the others refused.
func (f *flood) end(t *testing.T) {
	t.Helper()
	f.release()
	f.running.Wait()
	close(f.refused)
	for err := range f.refused {
		require.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
	}
	require.GreaterOrEqual(t, f.made.Load(), int64(1000))
}

// If too many units wait, a further one fails at once. The others are made.
func queuesAreBounded(t *testing.T, db Database) {
	s := db.open(t)
	f := newFlood(t, s)
	f.end(t)
	requireChanges(t, s, f.ids, f.made.Load())
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

// Close commits the units in the queue, and refuses new ones.
func closingCommitsQueuedUnits(t *testing.T, db Database) {
	s, err := db.Open(t.Context())
	require.NoError(t, err)
	f := newFlood(t, s)
	closing, closed := make(chan struct{}), make(chan error)
	go func() {
		close(closing)
		closed <- s.Close()
	}()
	<-closing
	f.end(t)
	require.NoError(t, <-closed)
	_, err = s.Change(t.Context(), directory.Operator(), f.ids[0], setPhone)
	require.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
	requireChanges(t, db.open(t), f.ids, f.made.Load())
}
