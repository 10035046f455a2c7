package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A wrong count, a wrong row of the event index and a reference to nothing are found.
func TestContentsAreChecked(t *testing.T) {
	for wrong, statement := range map[string]string{
		"":                      `SELECT 1`,
		"counts of users":       `UPDATE user_counts SET total = total + 1 WHERE enterprise_id = ''`,
		"2 counts of users":     `DELETE FROM user_counts`,
		"1 rows of the event":   `DELETE FROM event_targets WHERE event_id = 1`,
		"rows of the event":     `UPDATE event_targets SET target_id = 77 WHERE event_id = 1`,
		"3 rows of the event":   `INSERT INTO event_targets VALUES (1, 77), (1, 78); DELETE FROM event_targets WHERE event_id = 2`,
		"rows that are missing": `PRAGMA foreign_keys = OFF; INSERT INTO tokens VALUES (9, randomblob(32), 99, 'x', 'made', 0, NULL)`,
		"not a database of":     `DROP TABLE goose_db_version`,
	} {
		path := filepath.Join(t.TempDir(), "userapi.db")
		s, closeStore := openAt(t, path)
		addPeople(t, s, "ada", "bob")
		require.NoError(t, s.writer.Write(t.Context(), func(tx session) error { return indexEvents(tx, 1) }))
		closeStore()
		db, err := sql.Open("sqlite3", path)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		require.NoError(t, db.Close())
		db = withLog(path).openPool(1)
		_, err = checkContents(t.Context(), db)
		if wrong == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, wrong, wrong)
		}
		require.NoError(t, db.Close())
		if wrong != "" {
			to := filepath.Join(t.TempDir(), "backup.db")
			_, _, err = Backup(t.Context(), path, to, nil)
			require.ErrorContains(t, err, wrong, wrong)
			require.NoFileExists(t, to)
		}
	}
}
