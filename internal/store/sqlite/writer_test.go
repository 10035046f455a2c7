package sqlite

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// Units in the queue share a commit, run in the order in which they were queued, and see what
// earlier units have written.
func TestQueuedUnitsShareACommit(t *testing.T) {
	s := openStore(t)
	var commits atomic.Int64
	const units = 2*maxBatch + 1
	release := holdWriter(s)
	var answers []<-chan error
	var want []string
	for i := range units {
		want = append(want, fmt.Sprint(i))
		answers = append(answers, enqueue(t.Context(), s, func(tx session) error {
			var before int64
			if err := tx.gorm.Model(&store.Event{}).Count(&before).Error; err != nil || before != int64(i) {
				return fmt.Errorf("%d events before unit %d: %w", before, i, err)
			}
			return insertNamedEvent(tx, want[i])
		}))
	}
	s.writer.connection.driver.RegisterCommitHook(func() int { commits.Add(1); return 0 })
	release()
	for _, answer := range answers {
		require.NoError(t, <-answer)
	}
	require.Equal(t, want, eventNames(t, s))
	require.EqualValues(t, 3, commits.Load(), "three batches for 129 units")
}

// A unit that fails or panics is undone with everything that it has written, and no other unit is.
func TestFailedUnitIsUndoneAlone(t *testing.T) {
	s := openStore(t)
	execSQL(t, s, `CREATE TRIGGER fault BEFORE INSERT ON events WHEN new.operation = 'fault' BEGIN SELECT RAISE(ABORT, 'injected'); END`)
	refused := &directory.Error{Code: directory.CodeForbidden}
	errs := writeInOneBatch(t, s,
		insertsEvent("a"),
		func(tx session) error { return errors.Join(insertNamedEvent(tx, "undone"), refused) },
		insertsEvent("b"),
		func(tx session) error {
			if err := insertNamedEvent(tx, "undone"); err != nil {
				return err
			}
			return insertNamedEvent(tx, "fault") // the second write fails
		},
		func(tx session) error {
			if err := insertNamedEvent(tx, "undone"); err != nil {
				return err
			}
			panic("canary")
		},
		insertsEvent("c"),
	)
	require.NoError(t, errors.Join(errs[0], errs[2], errs[5]))
	require.ErrorIs(t, errs[1], refused)
	require.ErrorContains(t, errs[3], "injected")
	require.ErrorContains(t, errs[4], "panic: string")
	require.NotContains(t, errs[4].Error(), "canary")
	require.Equal(t, []string{"a", "b", "c"}, eventNames(t, s))
}

// If a commit fails, each unit of its batch fails, and none of the next batch.
func TestFailedCommitFailsItsBatch(t *testing.T) {
	s := openStore(t)
	failing := false // only the leader uses it, except between batches
	release := holdWriter(s)
	s.writer.connection.driver.RegisterCommitHook(func() int {
		if failing {
			return 1
		}
		return 0
	})
	release()
	refused := &directory.Error{Code: directory.CodeForbidden}
	errs := writeInOneBatch(t, s,
		insertsEvent("a"),
		func(session) error { failing = true; return nil },
		func(session) error { return refused },
		insertsEvent("b"),
	)
	for i, err := range errs {
		require.Error(t, err)
		require.Equal(t, i == 2, errors.Is(err, refused), "the unit that was refused keeps its own error")
	}
	require.Empty(t, eventNames(t, s))
	failing = false
	require.NoError(t, errors.Join(writeInOneBatch(t, s, insertsEvent("c"), insertsEvent("d"))...))
	require.Equal(t, []string{"c", "d"}, eventNames(t, s))
}

// After some failures of a commit, such as a broken foreign key, the transaction is still open.
// The leader rolls it back, so that later units are not part of it.
func TestFailedCommitIsRolledBack(t *testing.T) {
	s := openStore(t)
	orphan := func(tx session) error {
		if err := tx.prepared.exec("PRAGMA defer_foreign_keys = ON"); err != nil {
			return err
		}
		return tx.prepared.exec("INSERT INTO tokens (hash, user_id, name, kind, created) VALUES (zeroblob(32), 77, 'x', 'made', 0)")
	}
	require.Error(t, s.writer.Write(t.Context(), orphan))
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("a")))
	for i, err := range writeInOneBatch(t, s, insertsEvent("b"), orphan, insertsEvent("c")) {
		require.Error(t, err, i)
	}
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("d")))
	require.Equal(t, []string{"a", "d"}, eventNames(t, s))
}

// If SQLite itself ends the transaction, all units of the batch fail, also those that have not
// yet run: without a transaction, each of them would commit on its own.
func TestEndedTransactionFailsItsBatch(t *testing.T) {
	s := openStore(t)
	execSQL(t, s, `CREATE TRIGGER fault BEFORE INSERT ON events WHEN new.operation = 'fault' BEGIN SELECT RAISE(ROLLBACK, 'injected'); END`)
	for _, fault := range []func(session) error{
		insertsEvent("fault"),
		func(tx session) error { _ = insertNamedEvent(tx, "fault"); return nil }, // it hides its error
	} {
		for i, err := range writeInOneBatch(t, s, insertsEvent("a"), fault, insertsEvent("b")) {
			require.Error(t, err, i)
			_, known := errors.AsType[*directory.Error](err)
			require.False(t, known, "it is not the client's failure")
		}
		require.Empty(t, eventNames(t, s))
	}
	require.NoError(t, errors.Join(writeInOneBatch(t, s, insertsEvent("c"))...))
	require.Equal(t, []string{"c"}, eventNames(t, s))
}

// If a full batch is queued before the leader's own unit, the writer's goroutine commits that unit.
func TestLeaderBehindAFullBatch(t *testing.T) {
	s := openStore(t)
	for range maxBatch {
		s.writer.queue <- newUnit(t.Context(), insertsEvent("before"))
	}
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("own")))
	require.Len(t, eventNames(t, s), maxBatch+1)
}
