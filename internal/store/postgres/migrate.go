package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// The first number of an advisory lock says what the second one means.
const (
	lockUser       = 1 // the number of a user
	lockEnterprise = 2 // the hash of an enterprise's name
	lockStart      = 3 // 0: a start; 1: a migration
)

// Migrate brings the schema of a database up to date, and returns its version. Only one process at a
// time migrates a database: others wait.
func Migrate(ctx context.Context, address string) (version int64, err error) {
	config, err := parse(address)
	if err != nil {
		return 0, err
	}
	delete(config.ConnConfig.RuntimeParams, "lock_timeout") // another process may migrate for long
	delete(config.ConnConfig.RuntimeParams, "idle_in_transaction_session_timeout")
	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()
	lock, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := lock.ExecContext(ctx, `SELECT pg_advisory_lock($1::int, 1)`, lockStart); err != nil {
		return 0, err
	}
	defer func() {
		_, errUnlock := lock.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1::int, 1)`, lockStart)
		err = errors.Join(err, errUnlock)
	}()
	provider, current, err := readSchema(ctx, db)
	if err != nil {
		return 0, err
	}
	applied, err := provider.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate the database: %w", err)
	}
	for _, migration := range applied {
		current = migration.Source.Version
	}
	return current, nil
}

// readSchema returns the migrations and the version of the database's schema, which is 0 if the
// database is empty. It fails if the version is newer than this program.
func readSchema(ctx context.Context, db *sql.DB) (*goose.Provider, int64, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, 0, fmt.Errorf("read the migrations: %w", err)
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if current > known {
		return nil, 0, fmt.Errorf("the database has schema %d and this userapi knows %d: run a newer userapi", current, known)
	}
	return provider, current, nil
}

// checkSchema fails if the schema is older or newer than this program.
func checkSchema(ctx context.Context, config *pgx.ConnConfig) (err error) {
	db := stdlib.OpenDB(*config.Copy())
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, _, err := readSchema(ctx, db)
	if err != nil {
		return err
	}
	pending, err := provider.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if pending {
		return errors.New("the database has an older schema: run 'userapi migrate'")
	}
	return nil
}
