package sqlite

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// openStore opens a store on an empty database. It ends with the test.
func openStore(t *testing.T) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := Migrate(t.Context(), path, Options{})
	require.NoError(t, err)
	s, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// insertNamedEvent stores an event with this name as its operation.
func insertNamedEvent(tx session, name string) error {
	return insertEvent(tx, directory.Event{At: time.Now(), Operation: directory.Operation(name)})
}

// insertsEvent returns a unit that stores an event with this name.
func insertsEvent(name string) func(session) error {
	return func(tx session) error { return insertNamedEvent(tx, name) }
}

// eventNames returns the names of all events in the order of their numbers.
func eventNames(t *testing.T, s *Store) []string {
	t.Helper()
	events, _, err := s.Events(t.Context(), directory.EventFilter{}, directory.Page{Number: 1, Size: 10000})
	require.NoError(t, err)
	names := []string{}
	for _, e := range events {
		names = append(names, string(e.Operation))
	}
	return names
}

// holdWriter stops the writer until release is called. The units that are queued meanwhile
// become one batch.
func holdWriter(s *Store) (release func()) {
	s.writer.commitMu.Lock()
	return s.writer.commitMu.Unlock
}

// enqueue writes in another goroutine, and returns when the unit is in the queue. The channel
// gets the result of the write.
func enqueue(ctx context.Context, s *Store, run func(session) error) <-chan error {
	waiting, answer := len(s.writer.queue), make(chan error, 1)
	go func() { answer <- s.writer.Write(ctx, run) }()
	for len(s.writer.queue) == waiting && len(answer) == 0 {
		runtime.Gosched()
	}
	return answer
}

// writeInOneBatch runs the units in one batch, and returns their errors.
func writeInOneBatch(t *testing.T, s *Store, units ...func(session) error) []error {
	t.Helper()
	release := holdWriter(s)
	var answers []<-chan error
	for _, run := range units {
		answers = append(answers, enqueue(t.Context(), s, run))
	}
	release()
	errs := make([]error, len(units))
	for i, answer := range answers {
		errs[i] = <-answer
	}
	return errs
}

// execSQL runs SQL on the writer's connection.
func execSQL(t *testing.T, s *Store, statements string) {
	t.Helper()
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error { return tx.gorm.Exec(statements).Error }))
}

// insertHolder stores an active user and a token of the user.
func insertHolder(t *testing.T, s *Store, name string, hash directory.TokenHash) directory.UserID {
	t.Helper()
	active := true
	var id directory.UserID
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
		user, err := insertUser(tx, directory.User{
			Version: 1, NickName: name, EnterpriseID: "default", Role: directory.RoleUser, IsActive: &active, CreateTime: time.Now(),
		}, "")
		if err != nil {
			return err
		}
		id = user.ID
		return insertToken(tx, newHolderToken(id, hash))
	}))
	return id
}

func newHolderToken(user directory.UserID, hash directory.TokenHash) directory.NewToken {
	return directory.NewToken{Hash: hash, Token: directory.Token{UserID: user, Name: "t", Kind: directory.TokenMade, Created: time.Now()}}
}
