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

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Database { return newDatabase(t, storetest.NewPostgres(t), postgres.Open) })
}

// The locale of a database makes no difference.
func TestSuiteInTurkish(t *testing.T) {
	storetest.RunOneNode(t, func(t testing.TB) storetest.Database {
		db := newDatabase(t, storetest.NewTurkishPostgres(t), postgres.Open)
		var lower string
		require.NoError(t, db.SQL.QueryRowContext(t.Context(), `SELECT lower('I')`).Scan(&lower))
		require.Equal(t, "ı", lower)
		return db
	})
}
