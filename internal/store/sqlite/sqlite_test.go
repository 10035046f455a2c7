package sqlite

import (
	"database/sql/driver"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// If a setting did not take effect, the database is not opened.
func TestSettingsAreReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := Migrate(t.Context(), path, Options{})
	require.NoError(t, err)
	for pragma, parameter := range map[string]string{
		"journal_mode": "_journal_mode", "synchronous": "_synchronous",
		"foreign_keys": "_foreign_keys", "busy_timeout": "_busy_timeout",
	} {
		from := readWrite(path)
		switch from.parameters.Set(parameter, "0"); pragma {
		case "journal_mode":
			from.parameters.Set(parameter, "DELETE")
		case "synchronous":
			from.parameters.Set(parameter, "NORMAL")
		}
		_, err := from.openConnection(t.Context())
		require.ErrorContains(t, err, "PRAGMA "+pragma)
		pool := from.openPool(1)
		require.ErrorContains(t, pool.PingContext(t.Context()), "PRAGMA "+pragma)
		require.NoError(t, pool.Close())
	}
}

// A write is on disk when it returns, because the writer waits for fsync (2 is FULL). The writer
// holds the write lock from the first statement of a batch on.
func TestWriterSettings(t *testing.T) {
	s := openStore(t)
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
		for pragma, want := range map[string]any{
			"journal_mode": "wal", "synchronous": int64(2), "foreign_keys": int64(1), "busy_timeout": int64(2000),
		} {
			require.NoError(t, tx.prepared.queryRow("PRAGMA "+pragma, func(values []driver.Value) error {
				require.Equal(t, want, values[0], pragma)
				return nil
			}))
		}
		path := ""
		require.NoError(t, tx.gorm.Raw("SELECT file FROM pragma_database_list").Scan(&path).Error)
		other := readWrite(path)
		other.parameters.Set("_busy_timeout", "0")
		other.pragmas["busy_timeout"] = "0"
		c, err := other.openConnection(t.Context())
		require.NoError(t, err)
		require.True(t, directory.IsCode(translate(c.exec("BEGIN IMMEDIATE")), directory.CodeUnavailable))
		return c.close()
	}))
}

func TestReadersCannotWrite(t *testing.T) {
	s := openStore(t)
	for _, session := range []session{s.readSession, s.scanSession} {
		require.ErrorContains(t, session.prepared.exec(`DELETE FROM users`), "readonly")
		require.ErrorContains(t, session.gorm.Exec(`DELETE FROM users`).Error, "readonly")
	}
}
