package postgres_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(storetest.Exit)) }

// newDatabase returns the database at an address, whose nodes are opened by open.
func newDatabase(t testing.TB, address string, open func(ctx context.Context, address string) (*postgres.Store, error)) storetest.Database {
	t.Helper()
	other, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	return storetest.Database{
		Open:  func(ctx context.Context) (storetest.Store, error) { return open(ctx, address) },
		Nodes: 4,
		SQL:   other,
		RefuseFaults: []string{
			`CREATE FUNCTION injected() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''injected''; END'`,
			`CREATE TRIGGER fault BEFORE INSERT ON events FOR EACH ROW WHEN (new.operation = 'fault') EXECUTE FUNCTION injected()`,
		},
		Verify: func(storetest.TB) {}, // nothing is kept in addition to the rows
	}
}

// open opens a node.
func open(ctx context.Context, address string) (*postgres.Store, error) {
	return postgres.Open(ctx, address, postgres.Options{})
}

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Database { return newDatabase(t, storetest.NewPostgres(t), open) })
}

// Neither the locale of a database nor its isolation level makes a difference.
func TestSuiteOnAnotherServer(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Database {
		address := storetest.NewTurkishPostgres(t)
		other := newDatabase(t, address, open)
		var name, lower string
		require.NoError(t, other.SQL.QueryRowContext(t.Context(), `SELECT current_database(), lower('I')`).Scan(&name, &lower))
		require.Equal(t, "ı", lower)
		_, err := other.SQL.ExecContext(t.Context(), `ALTER DATABASE `+name+` SET default_transaction_isolation = 'repeatable read'`)
		require.NoError(t, err)
		return other
	})
}
