package sqlite

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// newLargeModel returns a model whose file has many pages, all of them moved.
func newLargeModel(t *testing.T) *logModel {
	t.Helper()
	m := newLogModel(t)
	require.NoError(t, m.stores[1].Close())
	m.stores = m.stores[:1]
	for range 3 {
		require.NoError(t, m.stores[0].writer.Write(t.Context(), func(tx session) error {
			for range 1000 {
				if err := insertNamedEvent(tx, "x"); err != nil {
					return err
				}
			}
			return nil
		}))
		m.stores[0].writer.checkpointNow()
	}
	return m
}

// snapshot copies the file and its log, as kill -9 leaves them, and returns the path of the copy.
func (m *logModel) snapshot(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "userapi.db")
	copyTo(t, m.path, path)
	copyTo(t, logPath(m.path), logPath(path))
	return path
}

func checkStart(t *testing.T, path string) error {
	t.Helper()
	return checkBeforeOpening(t.Context(), path, slog.New(slog.DiscardHandler))
}

// A file that is cut between pages is noticed by the next write.
func TestCutFileIsNoticed(t *testing.T) {
	for _, quarters := range []int64{1, 2, 3} {
		t.Run(fmt.Sprint(quarters), func(t *testing.T) {
			m := newLargeModel(t)
			defer m.close(t)
			writer := m.stores[0].writer
			require.NoError(t, writer.Write(t.Context(), insertsEvent("x")))
			whole := filepath.Join(m.scratch, "whole")
			copyTo(t, m.path, whole)
			require.NoError(t, os.Truncate(m.path, writer.files.main.size*quarters/4/4096*4096))
			require.Error(t, writer.Write(t.Context(), insertsEvent("x")))
			require.ErrorContains(t, writer.files.broken(), "was changed or shortened")
			copyTo(t, whole, m.path)
			writer.files.fault.Store(nil) // as after a restart
		})
	}
}

// A start refuses a file that lacks pages which are not in the log either. If the log has them all, it accepts the file.
func TestStartCountsPages(t *testing.T) {
	m := newLargeModel(t)
	defer m.close(t)
	require.NoError(t, m.stores[0].writer.Write(t.Context(), insertsEvent("last")))
	path := m.snapshot(t)
	require.NoError(t, checkStart(t, path))
	size := m.stores[0].writer.files.main.size
	for _, quarters := range []int64{1, 2, 3} {
		cut := m.snapshot(t)
		require.NoError(t, os.Truncate(cut, size*quarters/4/4096*4096))
		require.ErrorContains(t, checkStart(t, cut), "does not belong to")
	}
	// The last page of the file is the one to which the last event was added. So the log has it.
	require.NoError(t, os.Truncate(path, size-4096))
	require.NoError(t, checkStart(t, path))
	db := withLog(path).openPool(1)
	contents, err := checkContents(t.Context(), db)
	require.NoError(t, err)
	require.EqualValues(t, 3001, contents.Events)
	require.NoError(t, db.Close())
}

// A start refuses a log that is older than the file, whether the file is whole or not.
func TestStartRefusesAnOlderLog(t *testing.T) {
	for _, more := range []int{1, 50, 500} {
		m := newLargeModel(t)
		writer := m.stores[0].writer
		require.NoError(t, writer.Write(t.Context(), insertsEvent("x")))
		older := m.snapshot(t)
		for range more {
			require.NoError(t, writer.Write(t.Context(), insertsEvent("x")))
		}
		writer.checkpointNow()
		copyTo(t, m.path, older)
		require.NoError(t, os.Chtimes(older, writer.status.now(), writer.status.now()))
		require.NoError(t, os.Chtimes(logPath(older), writer.status.now(), writer.status.now()))
		require.ErrorContains(t, checkStart(t, older), "does not belong to", more)
		m.close(t)
	}
}

// If a reader keeps the last changes out of the file, a clean end says so.
func TestCloseTellsWhatItLeaves(t *testing.T) {
	var log bytes.Buffer
	m := newLogModel(t)
	s, err := Open(t.Context(), m.path, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("x")))
	reader := m.read(t)
	require.NoError(t, s.writer.Write(t.Context(), insertsEvent("x")))
	require.NoError(t, s.Close())
	require.Contains(t, log.String(), "keep the log with the file")
	require.Contains(t, log.String(), logPath(m.path))
	require.NoError(t, reader.close())
	m.close(t)
}
