package sqlite

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Before a migration, the old database is kept next to the new one, and under the next free name
// if there is one already. Without a migration nothing is kept.
func TestBackupIsKeptBeforeAMigration(t *testing.T) {
	for schema, name := range map[int64]string{1: "userapi.db.schema-1", 6: "userapi.db.schema-6"} {
		folder := t.TempDir()
		path := filepath.Join(folder, "userapi.db")
		for round := range 3 {
			require.NoError(t, MigrateTo(t.Context(), path, schema))
			var log bytes.Buffer
			options := Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), KeepBackup: round < 2}
			for range 2 {
				version, err := Migrate(t.Context(), path, options)
				require.NoError(t, err)
				require.EqualValues(t, 9, version)
			}
			kept := filepath.Join(folder, name)
			if round == 1 {
				kept += ".2"
			}
			if round == 2 {
				require.Empty(t, log.String())
				break
			}
			require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("kept a backup before the migration")), log.String())
			require.Contains(t, log.String(), "file="+kept)
			db := withoutLog(kept).openPool(1)
			c, err := checkContents(t.Context(), db)
			require.NoError(t, err)
			require.Equal(t, schema, c.Schema)
			require.NoError(t, db.Close())
		}
		require.Len(t, readFolder(t, folder), 3)
	}
	folder := t.TempDir()
	_, err := Migrate(t.Context(), filepath.Join(folder, "userapi.db"), Options{KeepBackup: true})
	require.NoError(t, err)
	require.Len(t, readFolder(t, folder), 1, "there was nothing to keep")
}
