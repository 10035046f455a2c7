package main

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/sqlite"
)

// database is an open database of either dialect.
type database interface {
	directory.Store
	Ready(ctx context.Context) error
	Metrics() []prometheus.Collector
	Close() error
}

// isPostgres reports whether the setting is the address of a PostgreSQL database. Otherwise it is a file.
func (s databaseSetting) isPostgres() bool { return isPostgres(s.Database) }

func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// path returns the path of the SQLite file. Validate must have succeeded before.
func (s databaseSetting) path() string {
	path, _ := sqlite.Path(s.Database)
	return path
}

// name returns how the user knows the database, without a password.
func (s databaseSetting) name() string {
	if !s.isPostgres() {
		return s.path()
	}
	return postgres.Name(s.Database)
}

// schema returns the version of the schema that this program creates and needs.
func (s databaseSetting) schema() int64 {
	if s.isPostgres() {
		return postgres.NewestSchema()
	}
	return sqlite.NewestSchema
}

// migrate creates or migrates the database, and returns the version of its schema.
func (s databaseSetting) migrate(ctx context.Context, options sqlite.Options) (version int64, err error) {
	if s.isPostgres() {
		return postgres.Migrate(ctx, s.Database)
	}
	return sqlite.Migrate(ctx, s.path(), options)
}

// open opens a database for writing.
func (s databaseSetting) open(ctx context.Context, options sqlite.Options) (database, error) {
	if s.isPostgres() {
		return opened(postgres.Open(ctx, s.Database, postgres.Options{Logger: options.Logger}))
	}
	return opened(sqlite.Open(ctx, s.path(), options))
}

// openToRead opens a database for commands that only read. They work on a read-only file, too.
func (s databaseSetting) openToRead(ctx context.Context, options sqlite.Options) (database, error) {
	if s.isPostgres() {
		return s.open(ctx, options)
	}
	return opened(sqlite.OpenReadOnly(ctx, s.path(), options))
}

// opened returns no database if there was an error: a nil pointer in an interface is not nil.
func opened(db database, err error) (database, error) {
	if err != nil {
		return nil, err
	}
	return db, nil
}

// migrateAndOpen creates or migrates the database and opens it.
func (s databaseSetting) migrateAndOpen(ctx context.Context, options sqlite.Options) (database, error) {
	if _, err := s.migrate(ctx, options); err != nil {
		return nil, err
	}
	return s.open(ctx, options)
}
