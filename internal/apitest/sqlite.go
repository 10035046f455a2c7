package apitest

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// openSQLite opens the file of a store a second time. It waits for the locks of the store
// for an hour.
func openSQLite(path string, store directory.Store) (*Database, error) {
	db, err := sql.Open("sqlite3", fmt.Sprintf("file:%s?_txlock=immediate&_foreign_keys=1&_synchronous=OFF&_busy_timeout=%d",
		path, time.Hour.Milliseconds()))
	return &Database{path: path, sql: db, store: store}, err
}

// Contents returns the bytes of the database file and of its log.
func (db *Database) Contents(t testing.TB) string {
	t.Helper()
	var contents strings.Builder
	for _, suffix := range []string{"", "-wal"} {
		file, err := os.ReadFile(db.path + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, file)
		contents.Write(file)
	}
	return contents.String()
}

// Lock takes the lock for writing until unlock is called.
func (db *Database) Lock(t testing.TB) (unlock func()) {
	t.Helper()
	tx, err := db.sql.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	return func() {
		t.Helper()
		require.NoError(t, tx.Rollback())
	}
}

// Break renames the table of users, so that every request that needs it fails.
func (db *Database) Break(t testing.TB) {
	t.Helper()
	db.exec(t, `ALTER TABLE users RENAME TO gone`)
}

// FailInserts makes every insert into a table fail until repair is called. The error has
// the word "injected".
func (db *Database) FailInserts(t testing.TB, table string) (repair func()) {
	t.Helper()
	return db.fail(t, `CREATE TRIGGER fault BEFORE INSERT ON `+table+` BEGIN SELECT RAISE(ABORT, 'injected'); END`)
}

// FailDeletes makes every delete from a table fail until repair is called. The error has
// the word "injected".
func (db *Database) FailDeletes(t testing.TB, table string) (repair func()) {
	t.Helper()
	return db.fail(t, `CREATE TRIGGER fault BEFORE DELETE ON `+table+` BEGIN SELECT RAISE(ABORT, 'injected'); END`)
}

// FailCommits makes every commit that has an event fail until repair is called, because
// it violates a foreign key.
func (db *Database) FailCommits(t testing.TB) (repair func()) {
	t.Helper()
	db.exec(t, `CREATE TABLE injected (id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)`)
	return db.fail(t, `CREATE TRIGGER fault AFTER INSERT ON events BEGIN INSERT INTO injected VALUES (99); END`)
}

func (db *Database) fail(t testing.TB, trigger string) (repair func()) {
	t.Helper()
	db.exec(t, trigger)
	return func() {
		t.Helper()
		db.exec(t, `DROP TRIGGER fault`)
	}
}

// WatchUpdates returns a function that returns the columns of users that updates have named
// since its last call, sorted. Triggers record them.
func (db *Database) WatchUpdates(t testing.TB) (named func() []string) {
	t.Helper()
	columns := readRows(t, db, readName, `SELECT name FROM pragma_table_info('users')`)
	db.write(t, func(exec func(statement string, args ...any)) {
		exec(`CREATE TABLE named (name TEXT)`)
		for _, column := range columns {
			exec(fmt.Sprintf(`CREATE TRIGGER named_%[1]s AFTER UPDATE OF %[1]s ON users BEGIN INSERT INTO named VALUES ('%[1]s'); END`, column))
		}
	})
	return func() []string {
		t.Helper()
		names := readRows(t, db, readName, `SELECT name FROM named ORDER BY name`)
		db.exec(t, `DELETE FROM named`)
		return names
	}
}

func readName(rows *sql.Rows) (name string, err error) {
	err = rows.Scan(&name)
	return name, err
}
