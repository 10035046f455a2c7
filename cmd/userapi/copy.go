package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"userapi/internal/store/postgres"
	"userapi/internal/store/sqlite"
)

type copyCommand struct {
	From string `required:"" placeholder:"DATABASE" help:"The SQLite database: sqlite:PATH or PATH. It is not changed."`
	To   string `required:"" env:"USERAPI_DATABASE" placeholder:"DATABASE" help:"The PostgreSQL database: postgres://USER@HOST/DATABASE. It must be empty. Process lists show flags, so keep a password in USERAPI_DATABASE or in the file that PGPASSFILE names."`
}

// Help is called by kong, which prints the text above the flags.
func (copyCommand) Help() string {
	return `All users, tokens and events move with their numbers, versions, passwords and times, so that log-ins,
tokens and ETags go on. Stop the server first, and start it on the new database afterwards. The copy is
one transaction, and compares both databases before it commits: if it fails, the new database is as empty
as before, and the command can be repeated.`
}

// Validate is called by kong. Its error does not repeat the values, which could hold a password.
func (c copyCommand) Validate() error {
	from, to := databaseSetting{c.From}, databaseSetting{c.To}
	switch {
	case c.From == c.To:
		return errors.New("--from and --to name the same database")
	case from.isPostgres() || !to.isPostgres():
		return errors.New("copy goes from SQLite to PostgreSQL only: use --from=sqlite:PATH, and --to=postgres://USER@HOST/DATABASE or USERAPI_DATABASE. " +
			"'userapi backup' copies a SQLite database, and pg_dump copies one of PostgreSQL")
	}
	var faults []error
	if _, err := sqlite.Path(c.From); err != nil {
		faults = append(faults, fmt.Errorf("--from: %w", err))
	}
	if err := postgres.CheckAddress(c.To); err != nil {
		faults = append(faults, fmt.Errorf("--to or USERAPI_DATABASE: %w", err))
	}
	return errors.Join(faults...)
}

// Run prints what was copied and the digest of both databases.
func (c copyCommand) Run(ctx context.Context, std streams) (err error) {
	from, to := databaseSetting{c.From}, databaseSetting{c.To}
	source, err := sqlite.OpenSnapshot(ctx, from.path())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	shown := newProgress(std.stderr)
	digest, err := postgres.Copy(ctx, c.To, source, shown.report)
	shown.clear()
	if err != nil {
		return err
	}
	size := source.Size()
	_, err = fmt.Fprintf(std.stdout, strings.Join([]string{
		"%s was copied to %s: %d users, %d tokens, %d events",
		"the next user gets the number %d",
		"SHA-256 of the rows in each of the two: %s",
	}, "\n")+"\n", from.path(), to.name(), size.Users, size.Tokens, size.Events, size.LastUser+1, digest)
	return err
}
