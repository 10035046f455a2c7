package postgres

import (
	"context"
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
	lockOpen       = 4 // 0: shared by all who have the database open
	lockRemoval    = 5 // 0: the node that removes old events
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
	err = inspect(ctx, config.ConnConfig, func(connection *pgx.Conn) error {
		// The lock ends with the connection.
		if _, err := connection.Exec(ctx, `SELECT pg_advisory_lock($1::int, 1)`, lockStart); err != nil {
			return err
		}
		found, err := readSchema(ctx, connection)
		if err != nil {
			return err
		}
		if version = NewestSchema(); found.version == version {
			return nil
		}
		if err := checkMigration(ctx, connection, found); err != nil {
			return err
		}
		return applyMigrations(ctx, connection.Config())
	})
	return version, err
}

// applyMigrations runs the migrations that a database lacks.
func applyMigrations(ctx context.Context, config *pgx.ConnConfig) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return explainMigration(err)
	}
	return nil
}
