package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/stretchr/testify/require"

	"userapi/internal/store/sqlite"
	"userapi/internal/store/storetest"
)

// execStatements runs statements on a connection of its own, like another process.
func execStatements(t *testing.T, path string, statements ...string) error {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			return err
		}
	}
	return nil
}

// addUsers adds users with the numbers from ?1 to ?2 in steps of ?3. They are in the enterprise
// ?4 or, if it is empty, in enterprises of a hundred. One in a hundred is an administrator.
const addUsers = `
	WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + ?3 FROM numbers WHERE n + ?3 <= ?2)
	INSERT OR IGNORE INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, phone, create_time)
	SELECT n, 1, 'user' || n, 'user' || n, iif(?4 = '', 'enterprise-' || (n / 100), ?4),
		CASE WHEN n = 1 THEN 'system_administrator' WHEN n % 100 = 0 THEN 'administrator' ELSE 'user' END, '', 0
	FROM numbers`

// openTwice opens a new database as a store, and again on other connections, like another process.
func openTwice(t testing.TB) (*sqlite.Store, *sql.DB) {
	t.Helper()
	db, other, _ := openTwiceAt(t)
	return db, other
}

// openTwiceAt is openTwice, and returns the path of the database, too.
func openTwiceAt(t testing.TB) (db *sqlite.Store, other *sql.DB, path string) {
	t.Helper()
	path, other = newDatabase(t)
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, other, path
}

// newDatabase makes a new database and opens it like another process.
func newDatabase(t testing.TB) (path string, other *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "userapi.db")
	_, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	other, err = sql.Open("sqlite3", "file:"+path+"?_synchronous=OFF&_foreign_keys=ON&_busy_timeout=10000")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	return path, other
}

// queryRows returns the rows that a query finds, each as a text with its columns joined by spaces.
func queryRows(t storetest.TB, db *sql.DB, query string, values ...any) (rows []string) {
	found, err := db.QueryContext(t.Context(), query, values...)
	require.NoError(t, err)
	defer func() { require.NoError(t, found.Close()) }()
	columns, err := found.Columns()
	require.NoError(t, err)
	texts, into := make([]string, len(columns)), make([]any, len(columns))
	for i := range texts {
		into[i] = &texts[i]
	}
	for found.Next() {
		require.NoError(t, found.Scan(into...))
		rows = append(rows, strings.Join(texts, " "))
	}
	require.NoError(t, found.Err())
	return rows
}
