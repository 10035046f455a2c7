package sqlite

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/directory"
)

// A step looks at removalBatch events at most, however many there are: no statement of it reads a whole table.
func TestRemovalReadsNoWholeTable(t *testing.T) {
	s := openStore(t)
	for statement, arguments := range map[string][]any{
		selectRemovable: {removalBatch, 0}, unindexEvents: {1}, removeEvents: {1},
	} {
		var steps []struct{ Detail string }
		require.NoError(t, s.readSession.gorm.Raw("EXPLAIN QUERY PLAN "+statement, arguments...).Scan(&steps).Error)
		require.NotEmpty(t, steps)
		for _, step := range steps {
			t.Log(step.Detail)
			if step.Detail == "SCAN events" && statement == selectRemovable {
				continue // in the order of the table, up to LIMIT
			}
			for _, slow := range []string{"SCAN events", "SCAN event_targets", "TEMP B-TREE"} {
				require.NotContains(t, step.Detail, slow, statement)
			}
		}
	}
}

// A step without anything to do does not write, so that a server that does nothing leaves its disk alone.
func TestRemovalOfNothingDoesNotWrite(t *testing.T) {
	s := openStore(t)
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("x")))
	defer holdWriter(s)() // a write would wait
	for _, before := range []time.Time{{}, time.Now().Add(time.Hour)} {
		removed, err := s.RemoveEvents(t.Context(), before)
		require.NoError(t, err)
		require.Zero(t, removed)
	}
}

// Events that were removed since the last checkpoint are no reason to take the log for another file's: a start accepts
// the file and its log after a crash at any moment.
func TestRemovedEventsAreNotMissing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := newLogModel(t)
		defer m.close(t)
		removed := 0
		for i := range rapid.IntRange(5, 12).Draw(r, "steps") {
			if rapid.Bool().Draw(r, "remove") && m.events > 0 {
				events, err := m.stores[0].EventsAfter(t.Context(), 0, 0, 1000)
				require.NoError(r, err)
				n, err := m.stores[i%2].RemoveEvents(t.Context(), events[rapid.IntRange(0, len(events)-1).Draw(r, "before")].At.Add(1))
				require.NoError(r, err)
				removed += n
			} else {
				m.step(t, r, i)
			}
			crashed := filepath.Join(t.TempDir(), fmt.Sprint(i), "userapi.db")
			m.copyBoth(r, crashed)
			require.NoError(r, checkBeforeOpening(t.Context(), crashed, slog.New(slog.DiscardHandler)))
			db := withLog(crashed).openPool(1)
			contents, err := checkContents(t.Context(), db)
			require.NoError(r, err)
			require.EqualValues(r, m.events-removed, contents.Events)
			require.NoError(r, db.Close())
		}
	})
}

// A restored user has a version that the replaced database never had, although its events were removed there.
func TestVersionsGoOnPastRemovedEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	s, closeStore := openAt(t, path)
	addPeople(t, s, "deleted", "stays")
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("before the backup")))
	backup := backUp(t, path)
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
		for range 5 { // each raised the version
			if err := insertEvent(tx, directory.Event{At: time.UnixMicro(1), TargetID: 2, EnterpriseID: "default"}); err != nil {
				return err
			}
		}
		return tx.gorm.Exec(`DELETE FROM users WHERE nick_name = 'deleted'`).Error
	}))
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("newest")))
	removed, err := s.RemoveEvents(t.Context(), time.Now())
	require.NoError(t, err)
	require.Greater(t, removed, 5)
	closeStore()
	_, err = Restore(t.Context(), path, backup, RestoreOptions{Replace: true, Now: time.Now()})
	require.NoError(t, err)
	s, _ = openAt(t, path)
	deleted, err := s.User(t.Context(), 2)
	require.NoError(t, err)
	require.GreaterOrEqual(t, deleted.Version, int64(7))
	stays, err := s.User(t.Context(), 3)
	require.NoError(t, err)
	require.EqualValues(t, 1, stays.Version)
}
