package main

import (
	"context"
	"fmt"

	"userapi/internal/store"
)

type migrateCommand struct {
	databaseSetting `embed:""`
}

// Run brings the schema up to date.
func (c migrateCommand) Run(ctx context.Context, std streams) error {
	version, err := store.Migrate(ctx, c.path())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.stdout, "%s has schema %d\n", c.path(), version)
	return err
}
