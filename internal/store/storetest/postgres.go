package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
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
	return plain.copy(t)
}

// NewTurkishPostgres is [NewPostgres] with a locale in which the small letter of I is not i.
func NewTurkishPostgres(t testing.TB) string {
	t.Helper()
	return turkish.copy(t)
}

// NewEmptyPostgres is [NewPostgres] without a schema.
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

var (
	process   = strings.ToLower(rand.Text()) // part of the name of each database that this process makes
	databases atomic.Int64                   // how many it has made
)

// createDatabase creates a database, which is dropped when the test ends.
func createDatabase(t testing.TB, options string) string {
	t.Helper()
	name := fmt.Sprintf("test_%s_%d", process, databases.Add(1))
	require.NoError(t, onServer(t.Context(), "CREATE DATABASE "+name+options))
	t.Cleanup(func() { require.NoError(t, dropDatabase(context.WithoutCancel(t.Context()), name)) })
	return addressOf(name)
}

func dropDatabase(ctx context.Context, name string) error {
	return onServer(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
}

// template is a database with the newest schema that others are copied from. Each process has its own.
type template struct {
	name string
	make func() error
}

var (
	plain   = newTemplate("plain", "")
	turkish = newTemplate("turkish", " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr'")
)

func newTemplate(name, options string) template {
	name = fmt.Sprintf("template_%s_%s", process, name)
	return template{name, sync.OnceValue(func() error {
		if err := onServer(context.Background(), "CREATE DATABASE "+name+options); err != nil {
			return err
		}
		_, err := postgres.Migrate(context.Background(), addressOf(name))
		return err
	})}
}

func (from template) copy(t testing.TB) string {
	t.Helper()
	skipWithoutServer(t)
	require.NoError(t, from.make())
	return createDatabase(t, " TEMPLATE "+from.name)
}

// Exit ends the process of tests with this code, or with 1 if a test has left a database behind. It drops all
// databases that the process has made.
func Exit(code int) {
	if TestDatabase() != "" {
		left, err := dropAll(context.Background())
		if err != nil || len(left) > 0 {
			fmt.Fprintln(os.Stderr, "Tests have left databases behind:", left, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// dropAll drops all databases that this process has made, and returns those that are not templates.
func dropAll(ctx context.Context) (left []string, err error) {
	var names []string
	err = withServer(func(db *sql.DB) error {
		return db.QueryRowContext(ctx, `SELECT COALESCE(array_agg(datname::text), '{}') FROM pg_database WHERE position($1 IN datname) > 0`, process).
			Scan(pgtype.NewMap().SQLScanner(&names))
	})
	for _, name := range names {
		err = errors.Join(err, dropDatabase(ctx, name))
		if name != plain.name && name != turkish.name {
			left = append(left, name)
		}
	}
	return left, err
}

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
func onServer(ctx context.Context, statement string) error {
	return withServer(func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, statement)
		return err
	})
}

func withServer(use func(db *sql.DB) error) (err error) {
	db, err := sql.Open("pgx", TestDatabase())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(db)
}
