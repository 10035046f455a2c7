package apitest

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// Database reaches the database of a server behind the server's back, as another process
// would. A server knows at once what its methods have committed.
type Database struct {
	sql   *sql.DB
	store directory.Store // the server's own
}

// write runs statements in one transaction.
func (db *Database) write(t testing.TB, statements func(exec func(statement string, args ...any))) {
	t.Helper()
	tx, err := db.sql.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	statements(func(statement string, args ...any) {
		t.Helper()
		_, err := tx.ExecContext(t.Context(), statement, args...)
		require.NoError(t, err)
	})
	require.NoError(t, tx.Commit())
	db.notice(t)
}

// notice lets the server see what another process has written; it would within a second.
func (db *Database) notice(t testing.TB) {
	t.Helper()
	_, err := db.store.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
		return directory.Change{}, nil
	})
	require.NoError(t, err)
}
