package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"userapi/internal/directory"
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

// Run brings the schema up to date, and lists the names that break the rules of today.
func (c migrateCommand) Run(ctx context.Context, std streams) error {
	logger := telemetry.NewLogger(std.stderr, slog.LevelInfo, telemetry.FormatText)
	version, err := c.migrate(ctx, sqlite.Options{Logger: logger, Fatal: exitUnconfirmed, KeepBackup: !c.NoBackup})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(std.stdout, "%s has schema %d\n", c.name(), version); err != nil {
		return err
	}
	return withReadService(ctx, c.databaseSetting, func(service *directory.Service) error {
		return printOldNames(ctx, service, std.stdout)
	})
}

// printOldNames prints the users whose names no new user could have, because the names are older
// than the rules. It escapes the names, because some characters cannot be seen.
func printOldNames(ctx context.Context, service *directory.Service, out io.Writer) error {
	heading := "These names are older than the rules for names. Their users can still log in and be changed:\n"
	return eachPage(ctx, service, "", func(users []directory.User) error {
		for _, u := range users {
			problem, err := findNameProblem(ctx, service, u)
			if err != nil {
				return err
			}
			if problem == "" {
				continue
			}
			if _, err := fmt.Fprintf(out, "%suser %d, %s/%+q: %s\n", heading, u.ID, u.EnterpriseID, u.NickName, problem); err != nil {
				return err
			}
			heading = ""
		}
		return nil
	})
}

// findNameProblem returns why no new user could have the name of this one, or "" if one could.
func findNameProblem(ctx context.Context, service *directory.Service, u directory.User) (string, error) {
	faults, err := checkValue("NickName", u.NickName)
	if err != nil {
		return "", err
	}
	if len(faults) > 0 {
		return "it is not " + faults[0].Expected, nil
	}
	folded := directory.Fold(u.NickName)
	if folded == directory.FoldCase(u.NickName) {
		return "", nil
	}
	same, err := service.Store.Account(ctx, directory.LogInName{EnterpriseID: u.EnterpriseID, NickName: folded})
	if directory.IsCode(err, directory.CodeNotFound) || err == nil && same.User.ID == u.ID {
		return "", nil
	}
	return fmt.Sprintf("it differs from the name of user %d only in letter case and width", same.User.ID), err
}
