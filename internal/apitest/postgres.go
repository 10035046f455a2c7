package apitest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// createPostgres creates an empty database on the server in TEST_DATABASE. It returns how to open a store on it, and the
// database opened without a store.
func createPostgres(t testing.TB, clock *Clock) (open func(context.Context) (opened, error), db *Database) {
	t.Helper()
	address := storetest.NewPostgres(t)
	behind, err := sql.Open("pgx", address)
	require.NoError(t, err)
	if clock != nil {
		setClock(t, behind, clock)
	}
	return func(ctx context.Context) (opened, error) { return postgres.Open(ctx, address, postgres.Options{}) },
		&Database{sql: behind, dialect: postgresDatabase{}}
}

// setClock makes clock_timestamp return the time of the clock, on connections that are opened later.
func setClock(t testing.TB, db *sql.DB, clock *Clock) {
	t.Helper()
	exec := func(statement string, args ...any) {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), statement, args...)
		require.NoError(t, err)
	}
	for _, statement := range []string{
		`CREATE TABLE clock (now timestamptz)`,
		`CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT now FROM clock'`,
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$`,
	} {
		exec(statement)
	}
	exec(`INSERT INTO clock VALUES ($1)`, clock.Now())
	clock.moved = func() { exec(`UPDATE clock SET now = $1`, clock.Now()) }
}

// postgresDatabase is the dialect of PostgreSQL.
type postgresDatabase struct{}

// contents returns the rows: another process sees nothing else of a PostgreSQL database.
func (postgresDatabase) contents(t testing.TB, db *Database) string {
	t.Helper()
	return db.State(t)
}

func (postgresDatabase) renumber() string {
	return `SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users))`
}

func (postgresDatabase) lock() string { return `LOCK TABLE users IN EXCLUSIVE MODE` }

func (postgresDatabase) fail(when, table string) []string {
	return []string{injected, `CREATE TRIGGER fault BEFORE ` + when + ` ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION injected()`}
}

func (postgresDatabase) failCommits() []string {
	return []string{injected, `CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION injected()`}
}

const injected = `CREATE FUNCTION injected() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''injected''; END'`

func (postgresDatabase) repair() string { return `DROP FUNCTION injected() CASCADE` }

func (postgresDatabase) columns() string {
	return `SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'users'`
}

func (postgresDatabase) watch(column string) []string {
	return []string{
		fmt.Sprintf(`CREATE FUNCTION named_%[1]s() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO named VALUES (''%[1]s''); RETURN NULL; END'`, column),
		fmt.Sprintf(`CREATE TRIGGER named_%[1]s AFTER UPDATE OF %[1]s ON users FOR EACH ROW EXECUTE FUNCTION named_%[1]s()`, column),
	}
}
