package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"userapi/internal/store/postgres"
)

// TestDatabase is the address of a PostgreSQL server for tests, as .ci/postgres sets it. "" means that
// there is none.
func TestDatabase() string { return os.Getenv("TEST_DATABASE") }

// NewPostgres creates a database with the newest schema on the server in TEST_DATABASE, and returns its
// address. It skips the test if there is no server. The database is dropped when the test ends.
func NewPostgres(t testing.TB) string {
	t.Helper()
	skipWithoutServer(t)
	require.NoError(t, makeTemplate())
	return createDatabase(t, " TEMPLATE "+template)
}

// NewEmptyPostgres is NewPostgres without a schema.
func NewEmptyPostgres(t testing.TB) string {
	t.Helper()
	skipWithoutServer(t)
	return createDatabase(t, "")
}

func skipWithoutServer(t testing.TB) {
	t.Helper()
	if TestDatabase() == "" {
		t.Skip("TEST_DATABASE is not set: '.ci/postgres go test ./...' runs this test")
	}
}

func createDatabase(t testing.TB, from string) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	require.NoError(t, onServer(t.Context(), "CREATE DATABASE "+name+from))
	t.Cleanup(func() {
		require.NoError(t, onServer(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"))
	})
	return addressOf(name)
}

// template is the name of the database that the others are copied from. Each process has its own.
var template = "template_" + strings.ToLower(rand.Text())

var makeTemplate = sync.OnceValue(func() error {
	if err := onServer(context.Background(), "CREATE DATABASE "+template); err != nil {
		return err
	}
	_, err := postgres.Migrate(context.Background(), addressOf(template))
	return err
})

// addressOf returns the address of a database on the server.
func addressOf(database string) string {
	address, err := url.Parse(TestDatabase())
	if err != nil {
		panic("TEST_DATABASE is not a URL")
	}
	address.Path = "/" + database
	return address.String()
}

// onServer runs a statement that cannot run in a transaction.
func onServer(ctx context.Context, statement string) (err error) {
	db, err := sql.Open("pgx", TestDatabase())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, statement)
	return err
}
