package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// A start looks for the rights on every table that the migrations make: without them, Open fails and names
// the table.
func TestOpenChecksTheRightsOnEveryTable(t *testing.T) {
	address := storetest.NewPostgres(t)
	connection, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close(t.Context())) }()
	rows, err := connection.Query(t.Context(), `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(tables), 4)

	name := strings.TrimPrefix(connection.Config().Database, "test_")
	user := "limited_" + name
	exec := func(statement string) {
		_, err := connection.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	exec("CREATE ROLE " + user + " LOGIN")
	defer func() {
		exec("DROP OWNED BY " + user)
		exec("DROP ROLE " + user)
	}()
	limited := strings.Replace(address, "postgres@", user+"@", 1)
	for _, table := range tables {
		exec("GRANT ALL ON ALL TABLES IN SCHEMA public TO " + user)
		s, err := postgres.Open(t.Context(), limited, postgres.Options{})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		exec(fmt.Sprintf("REVOKE ALL ON %s FROM %s", table, user))
		_, err = postgres.Open(t.Context(), limited, postgres.Options{})
		require.ErrorContains(t, err, "this user may not use the table "+table)
	}
}
