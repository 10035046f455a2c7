package main

import (
	"context"
	"errors"
	"fmt"

	"userapi/internal/store/sqlite"
)

type backupCommand struct {
	databaseSetting `embed:""`
	File            string `arg:"" help:"Where to write the backup. There must be no file yet."`
}

// Help is called by kong, which prints the text above the flags.
func (backupCommand) Help() string {
	return `The backup is one file, which holds the database as it is at one moment. It gets its name
when it has been checked. The last line of the output is for 'sha256sum --check'.`
}

// Validate is called by kong.
func (c backupCommand) Validate() error {
	return errors.Join(checkFile(c.File), nameTool(c.databaseSetting, "pg_dump"))
}

// Run prints what the backup holds and its SHA-256.
func (c backupCommand) Run(ctx context.Context, std streams) error {
	lowerPriority()
	shown := newProgress(std.stderr)
	contents, digest, err := sqlite.Backup(ctx, c.path(), c.File, shown.report)
	shown.clear()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.stdout, "%s\n%s  %s\n", describe(contents), digest, c.File)
	return err
}

func describe(c sqlite.Contents) string {
	return fmt.Sprintf("%d users, %d events, schema %d", c.Users, c.Events, c.Schema)
}

// checkFile fails unless the argument can be the name of a file.
func checkFile(path string) error {
	if path == "" {
		return errors.New("name a file, for example userapi.backup")
	}
	return nil
}

// nameTool returns the fault in the setting of the database. PostgreSQL has a tool of its own for
// what the command does.
func nameTool(database databaseSetting, tool string) error {
	if database.isPostgres() {
		return fmt.Errorf("USERAPI_DATABASE or --database: this command is for SQLite: use %s for PostgreSQL", tool)
	}
	return database.Validate()
}
