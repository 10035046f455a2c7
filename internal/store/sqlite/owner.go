package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// checkOwner fails if the database is another program's. It looks at the schema and changes nothing.
// A file that is missing or empty has no owner.
func checkOwner(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return nil //nolint:nilerr // there is nothing to look at
	}
	err := withConnection(ctx, withoutLog(path), func(c *connection) error { return checkSchemaOwner(path, c) })
	info, errLog := os.Stat(logPath(path))
	if errLog != nil || info.Size() == 0 {
		return err
	}
	// With a log, the file alone may be malformed, and may lack a part of the schema.
	if err != nil && !isDamage(err) {
		return err
	}
	err = withConnection(ctx, withLog(path), func(c *connection) error { return checkSchemaOwner(path, c) })
	if _, failed := errors.AsType[sqlite3.Error](err); failed {
		return nil // checkLog says whether the log belongs to the file
	}
	return err
}

// selectOwner selects 1 if the schema is empty or this program's. Migration 1 has created these
// tables, and goose its own one before.
const selectOwner = `
	SELECT (SELECT COUNT(*) FROM sqlite_schema WHERE name NOT IN ('goose_db_version', 'sqlite_sequence')) = 0
		OR (SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('goose_db_version', 'users', 'tokens', 'events')) = 4
		AND (SELECT COUNT(*) FROM pragma_table_info('users') WHERE name IN ('nick_name_folded', 'enterprise_id', 'origion')) = 3`

func checkSchemaOwner(path string, c *connection) error {
	application, err := queryInt(c, "PRAGMA application_id")
	if err != nil {
		return err
	}
	own, err := queryInt(c, selectOwner)
	if err == nil && (own == 0 || application != 0) {
		err = fmt.Errorf("%s is the database of another program: nothing in it was changed. Name another file with --database", path)
	}
	return err
}

// explain turns errors of SQLite into sentences that say what to do. It returns others as they are.
func explain(path string, err error) error {
	failure, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	switch failure.Code {
	case sqlite3.ErrNotADB:
		return fmt.Errorf("%s is not a SQLite database: name another file with --database, or move this one away (%w)", path, err)
	case sqlite3.ErrCorrupt:
		return fmt.Errorf("%s is damaged: keep a copy of it, and of %s if it is there, and restore a backup with 'userapi restore --replace FILE' (%w)", path, logPath(path), err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("another process has locked %s for longer than %v: end it, or wait for it, and try again (%w)", path, busyTimeout, err)
	case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		if failure.SystemErrno == syscall.EMFILE || failure.SystemErrno == syscall.ENFILE {
			return fmt.Errorf("too many files are open to open %s: raise the limit, for example with 'ulimit -n 1024' (%w)", path, err)
		}
		return fmt.Errorf("%s cannot be opened for writing: check that this user may write to it, to its directory, and to %s and %s (%w)",
			path, logPath(path), indexPath(path), err)
	case sqlite3.ErrFull:
		return fmt.Errorf("the disk with %s is full: make room and try again (%w)", path, err)
	case sqlite3.ErrIoErr:
		return fmt.Errorf("the disk with %s failed: %w", path, err)
	}
	return err
}
