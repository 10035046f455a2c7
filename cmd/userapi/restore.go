package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"userapi/internal/store/sqlite"
	"userapi/internal/telemetry"
)

type restoreCommand struct {
	databaseSetting `embed:""`
	Replace         bool   `help:"Replace a database that exists, and keep it as DATABASE.replaced-TIME."`
	KeepTokens      bool   `help:"Do not end the log-in tokens in the backup."`
	File            string `arg:"" help:"The backup. It is not changed."`
}

// Help is called by kong, which prints the text above the flags.
func (restoreCommand) Help() string {
	return `The backup is checked first. If anything fails, the database stays as it is. A backup brings
back tokens that were revoked later. So log-in tokens end, and the other tokens are listed.`
}

// Validate is called by kong.
func (c restoreCommand) Validate() error {
	return errors.Join(checkFile(c.File), nameTool(c.databaseSetting, "pg_restore"))
}

// Run prints what it has restored, and the tokens that are valid again.
func (c restoreCommand) Run(ctx context.Context, std streams) error {
	shown := newProgress(std.stderr)
	done, err := sqlite.Restore(ctx, c.path(), c.File, sqlite.RestoreOptions{
		Options: sqlite.Options{Logger: telemetry.NewLogger(std.stderr, slog.LevelInfo, telemetry.FormatText)},
		Replace: c.Replace, KeepTokens: c.KeepTokens, Now: time.Now(), Progress: shown.report,
	})
	shown.clear()
	if err != nil {
		return err
	}
	return c.print(std, done)
}

func (c restoreCommand) print(std streams, done sqlite.Restored) error {
	out := func(format string, args ...any) { _, _ = fmt.Fprintf(std.stdout, format+"\n", args...) }
	out("%s has been restored: %s", c.path(), describe(done.Contents))
	if done.KeptAs != "" {
		out("the old database is kept as %s", done.KeptAs)
		out("the next user gets the number %d; the versions of %d users were raised past those in the old database", done.LastUser+1, done.Raised)
	}
	if c.KeepTokens {
		out("%d log-in tokens are valid again, even if they were revoked after the backup", done.LogInTokens)
	} else {
		out("%d log-in tokens have ended", done.LogInTokens)
	}
	if len(done.Tokens) == 0 {
		_, err := fmt.Fprintln(std.stdout, "there are no other tokens")
		return err
	}
	out("these tokens are valid again, even if they were revoked after the backup; 'userapi token revoke ID' revokes one:")
	table := newTable(std.stdout, "ID", "USER", "KIND", "CREATED", "NAME")
	for _, t := range done.Tokens {
		writeRow(table, fmt.Sprint(t.ID), t.UserID.String(), string(t.Kind), formatTime(t.Created), t.Name)
	}
	return table.Flush()
}
