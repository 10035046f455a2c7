package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// logModel is a database that two processes write, and copies that were made of its file alone.
type logModel struct {
	path    string
	stores  []*Store
	readers []*connection // each holds an old state
	copies  []string
	events  int
	scratch string
}

func newLogModel(t *testing.T) *logModel {
	t.Helper()
	m := &logModel{path: filepath.Join(t.TempDir(), "it's 100% #1?.db"), scratch: t.TempDir()}
	_, err := Migrate(t.Context(), m.path, Options{})
	require.NoError(t, err)
	for range 2 {
		s, err := Open(t.Context(), m.path, Options{})
		require.NoError(t, err)
		m.stores = append(m.stores, s)
	}
	return m
}

// step does one of the things that happen to a log.
func (m *logModel) step(t *testing.T, r *rapid.T, i int) {
	s := m.stores[rapid.IntRange(0, 1).Draw(r, "store")]
	switch rapid.SampledFrom([]string{"write", "write", "checkpoint", "checkpoint", "copy", "read", "end"}).Draw(r, "step") {
	case "write":
		for range rapid.IntRange(1, 3).Draw(r, "writes") {
			require.NoError(r, s.writer.Write(t.Context(), insertsEvent("x")))
			m.events++
		}
	case "checkpoint":
		s.writer.checkpointNow()
	case "copy":
		name := filepath.Join(m.scratch, fmt.Sprint(i))
		copyTo(r, m.path, name)
		m.copies = append(m.copies, name)
	case "read":
		m.readers = append(m.readers, m.read(t))
	case "end":
		if len(m.readers) > 0 {
			require.NoError(r, m.readers[0].close())
			m.readers = m.readers[1:]
		}
	}
}

// read returns a connection that holds the state of this moment.
func (m *logModel) read(t *testing.T) *connection {
	t.Helper()
	c, err := readOnly(m.path).openConnection(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.exec("BEGIN"))
	require.NoError(t, c.queryRow("SELECT COUNT(*) FROM events", func([]driver.Value) error { return nil }))
	return c
}

func (m *logModel) close(t *testing.T) {
	t.Helper()
	for _, c := range m.readers {
		require.NoError(t, c.close())
	}
	for _, s := range m.stores {
		require.NoError(t, s.Close())
	}
}

func copyTo(t require.TestingT, from, to string) {
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}

// copyBoth copies the file and its log, as a crash leaves them, while no process writes.
func (m *logModel) copyBoth(r *rapid.T, to string) {
	for _, s := range m.stores {
		defer holdWriter(s)()
	}
	require.NoError(r, os.MkdirAll(filepath.Dir(to), 0o700))
	copyTo(r, m.path, to)
	copyTo(r, logPath(m.path), logPath(to))
}

// countEvents returns how many events are in a file together with the log of the model.
func (m *logModel) countEvents(t *testing.T, r *rapid.T, file string) int {
	dir, err := os.MkdirTemp(m.scratch, "")
	require.NoError(r, err)
	both := filepath.Join(dir, "userapi.db")
	copyTo(r, file, both)
	copyTo(r, logPath(m.path), logPath(both))
	db := withLog(both).openPool(1)
	defer func() { require.NoError(r, db.Close()) }()
	contents, err := checkContents(t.Context(), db)
	require.NoError(r, err)
	return int(contents.Events)
}

// Whatever two processes and their readers do, the file alone holds the current or the previous identity. An older copy
// that holds one of them becomes whole with the log, so that a start which accepts it loses nothing.
func TestIdentityTellsWhatBelongsTogether(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := newLogModel(t)
		defer m.close(t)
		for i := range rapid.IntRange(5, 30).Draw(r, "steps") {
			m.step(t, r, i)
			own, err := readOwnIdentity(m.stores[0].writer)
			require.NoError(r, err)
			current, err := identityOf(t.Context(), m.path)
			require.NoError(r, err)
			require.True(r, own.holds(current), "the file does not belong to its log")
			for _, file := range m.copies {
				if older, err := identityOf(t.Context(), file); err == nil && own.holds(older) {
					require.Equal(r, m.events, m.countEvents(t, r, file), "an accepted copy lacks changes")
				}
			}
		}
	})
}

// readOwnIdentity reads the identity of the writer's database, while the writer does not look at it.
func readOwnIdentity(w *writer) (identity, error) {
	w.commitMu.Lock()
	defer w.commitMu.Unlock()
	return readIdentity(w.second)
}

// A checkpoint that a reader has stopped in the middle leaves a file that must not pass for the file that the next
// checkpoint leaves.
func TestEachCheckpointIsToldFromTheNext(t *testing.T) {
	m := newLogModel(t)
	defer m.close(t)
	writer := m.stores[0].writer
	write := func() { require.NoError(t, writer.Write(t.Context(), insertsEvent("x"))) }
	write()
	reader := m.read(t)
	write()
	writer.checkpointNow()
	require.NotZero(t, writer.log.moved)
	require.Less(t, writer.log.moved, writer.log.frames)
	middle := filepath.Join(m.scratch, "middle")
	copyTo(t, m.path, middle)
	require.NoError(t, reader.close())
	writer.checkpointNow()
	require.Equal(t, writer.log.frames, writer.log.moved)
	write()
	own, err := readOwnIdentity(writer)
	require.NoError(t, err)
	older, err := identityOf(t.Context(), middle)
	require.NoError(t, err)
	require.False(t, own.holds(older))
}

// If another process moves frames while a transaction renews the identity, the file holds the previous one
// after the commit, and that is no fault.
func TestCheckpointDuringARenewal(t *testing.T) {
	m := newLogModel(t)
	defer m.close(t)
	first, second := m.stores[0].writer, m.stores[1].writer
	defer holdWriter(m.stores[1])() // so that it runs no checkpoint of its own
	require.NoError(t, first.Write(t.Context(), insertsEvent("x")))
	reader := m.read(t)
	require.NoError(t, first.Write(t.Context(), insertsEvent("x")))
	first.checkpointNow()
	require.True(t, first.renewalMoved())
	require.Less(t, first.log.moved, first.log.frames)
	require.NoError(t, reader.close())
	require.NoError(t, first.Write(t.Context(), func(tx session) error {
		require.NoError(t, second.second.exec("PRAGMA wal_checkpoint(PASSIVE)"))
		return insertNamedEvent(tx, "x")
	}))
	require.NoError(t, first.files.broken())
}

// An identity that is not there belongs to nothing.
func TestNoIdentityBelongsToNothing(t *testing.T) {
	require.False(t, identity{}.holds(""))
	require.True(t, identity{"b", "a"}.holds("a"))
	require.True(t, identity{"b", "a"}.holds("b"))
	require.False(t, identity{"c", "b"}.holds("a"))
}

// If a reader stops a checkpoint, the file may be shorter than its first page says: the page was moved, and the
// last page was changed again since. It belongs to its log nevertheless.
func TestFileShorterThanItSays(t *testing.T) {
	m := newLogModel(t)
	defer m.close(t)
	writer := m.stores[0].writer
	defer holdWriter(m.stores[1])()
	short := 0
	for i := 0; short < 3; i++ {
		require.Less(t, i, 2000, "no checkpoint left a short file")
		for range 1 + i%2 { // the file grows sometimes before the reader begins, and sometimes after
			require.NoError(t, writer.Write(t.Context(), insertsEvent("x")))
		}
		reader := m.read(t)
		require.NoError(t, writer.Write(t.Context(), insertsEvent("x")))
		writer.checkpointNow()
		require.NoError(t, writer.files.broken())
		err := withConnection(t.Context(), withoutLog(m.path), func(c *connection) error {
			_, err := readIdentity(c)
			return err
		})
		if failure, failed := errors.AsType[sqlite3.Error](err); failed && failure.Code == sqlite3.ErrCorrupt {
			short++
			require.NoError(t, checkBeforeOpening(t.Context(), m.path, slog.New(slog.DiscardHandler)))
		}
		require.NoError(t, reader.close())
		writer.checkpointNow()
	}
}
