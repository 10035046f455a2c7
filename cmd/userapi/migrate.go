package main

import (
	"context"
	"fmt"
	"log/slog"

	"userapi/internal/store/sqlite"
	"userapi/internal/telemetry"
)

type migrateCommand struct {
	databaseSetting  `embed:""`
	migrationSetting `embed:""`
}

// migrationSetting is shared by the subcommands that migrate the database.
type migrationSetting struct {
	NoBackup bool `help:"Do not keep a backup, FILE.schema-NUMBER, before the schema changes."`
}

// Run brings the schema up to date.
func (c migrateCommand) Run(ctx context.Context, std streams) error {
	logger := telemetry.NewLogger(std.stderr, slog.LevelInfo, telemetry.FormatText)
	version, err := c.migrate(ctx, sqlite.Options{Logger: logger, Fatal: exitUnconfirmed, KeepBackup: !c.NoBackup})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.stdout, "%s has schema %d\n", c.name(), version)
	return err
}
