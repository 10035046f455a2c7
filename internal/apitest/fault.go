package apitest

import (
	"context"
	"database/sql"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/storetest"
)

// opened is a store of either dialect.
type opened interface {
	directory.Store
	Ready(ctx context.Context) error
	Metrics() []prometheus.Collector
	Close() error
}

// dialect has the SQL that only one dialect understands. The statements that make something fail raise
// an error with the word "injected".
type dialect interface {
	contents(t testing.TB, db *Database) string
	renumber() string // after users were inserted with numbers: the next number is a new one
	lock() string     // in a transaction: no other writes until it ends
	fail(when, table string) []string
	failCommits() []string
	repair() string // ends what fail or failCommits has begun
	columns() string
	watch(column string) []string // inserts the column into the table named when an update names it
}

// openDatabase opens an empty database as often as there are nodes, in the server in TEST_DATABASE if it is set,
// and closes it when the test ends. A clock that is not nil becomes the database's.
func openDatabase(t testing.TB, nodes int, clock *Clock) (stores []opened, db *Database) {
	t.Helper()
	open := createSQLite
	if storetest.TestDatabase() != "" {
		open = createPostgres
	}
	openStore, db := open(t, clock)
	for range nodes {
		store, err := openStore(t.Context())
		require.NoError(t, err)
		stores = append(stores, store)
	}
	db.store = stores[0]
	t.Cleanup(func() {
		require.NoError(t, db.sql.Close())
		for _, store := range stores {
			require.NoError(t, store.Close())
		}
	})
	return stores, db
}

// Contents returns what somebody finds who has the database.
func (db *Database) Contents(t testing.TB) string {
	t.Helper()
	return db.dialect.contents(t, db)
}

// Lock keeps the server from writing until unlock is called.
func (db *Database) Lock(t testing.TB) (unlock func()) {
	t.Helper()
	tx, err := db.sql.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), db.dialect.lock())
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
	return db.fail(t, db.dialect.fail("INSERT", table))
}

// FailDeletes makes every delete from a table fail until repair is called. The error has
// the word "injected".
func (db *Database) FailDeletes(t testing.TB, table string) (repair func()) {
	t.Helper()
	return db.fail(t, db.dialect.fail("DELETE", table))
}

// FailCommits makes every commit that has an event fail until repair is called, because
// it violates a constraint.
func (db *Database) FailCommits(t testing.TB) (repair func()) {
	t.Helper()
	return db.fail(t, db.dialect.failCommits())
}

func (db *Database) fail(t testing.TB, statements []string) (repair func()) {
	t.Helper()
	for _, statement := range statements {
		db.exec(t, statement)
	}
	return func() {
		t.Helper()
		db.exec(t, db.dialect.repair())
	}
}

// WatchUpdates returns a function that returns the columns of users that updates have named
// since its last call, sorted. Triggers record them.
func (db *Database) WatchUpdates(t testing.TB) (named func() []string) {
	t.Helper()
	columns := readRows(t, db, readName, db.dialect.columns())
	db.write(t, func(exec func(statement string, args ...any)) {
		exec(`CREATE TABLE named (name TEXT)`)
		for _, column := range columns {
			for _, statement := range db.dialect.watch(column) {
				exec(statement)
			}
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
