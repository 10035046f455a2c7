package apitest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
	"github.com/stretchr/testify/require"

	"userapi/internal/store/sqlite"
)

// createSQLite creates an empty file. It returns how to open a store on it, and the file opened without a store, which waits
// for the locks of stores for an hour.
func createSQLite(t testing.TB, clock *Clock) (open func(context.Context) (opened, error), db *Database) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	options := sqlite.Options{}
	if clock != nil {
		options.Now = clock.Now
	}
	behind, err := sql.Open("sqlite3", fmt.Sprintf("file:%s?_txlock=immediate&_foreign_keys=1&_synchronous=OFF&_busy_timeout=%d",
		path, time.Hour.Milliseconds()))
	require.NoError(t, err)
	return func(ctx context.Context) (opened, error) { return sqlite.Open(ctx, path, options) },
		&Database{sql: behind, dialect: sqliteFile{path}}
}

// sqliteFile is the dialect of a file.
type sqliteFile struct{ path string }

func (d sqliteFile) contents(t testing.TB, _ *Database) string {
	t.Helper()
	var contents strings.Builder
	for _, suffix := range []string{"", "-wal"} {
		file, err := os.ReadFile(d.path + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, file)
		contents.Write(file)
	}
	return contents.String()
}

func (sqliteFile) renumber() string {
	return `UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM users) WHERE name = 'users'`
}

func (sqliteFile) lock() string { return `SELECT 1` } // each transaction has the lock for writing

func (sqliteFile) fail(when, table string) []string {
	return []string{`CREATE TRIGGER fault BEFORE ` + when + ` ON ` + table + ` BEGIN SELECT RAISE(ABORT, 'injected'); END`}
}

func (sqliteFile) failCommits() []string {
	return []string{
		`CREATE TABLE injected (id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)`,
		`CREATE TRIGGER fault AFTER INSERT ON events BEGIN INSERT INTO injected VALUES (99); END`,
	}
}

func (sqliteFile) repair() string { return `DROP TRIGGER fault` }

func (sqliteFile) columns() string { return `SELECT name FROM pragma_table_info('users')` }

func (sqliteFile) watch(column string) []string {
	return []string{fmt.Sprintf(`CREATE TRIGGER named_%[1]s AFTER UPDATE OF %[1]s ON users BEGIN INSERT INTO named VALUES ('%[1]s'); END`, column)}
}
