package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mattn/go-sqlite3"
)

// Backup writes the database at path, as it is at one moment, to a new file. It checks the copy
// before the file gets its name, and returns what it holds and its SHA-256. Other processes that
// have the database open go on. This process must not have it open. If it fails, nothing is at
// the name.
func Backup(ctx context.Context, path, to string, progress Progress) (c Contents, digest string, err error) {
	defer func() { err = explainFull(err, filepath.Dir(to)) }()
	for _, name := range []string{to, logPath(to), to + "-journal"} {
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			return Contents{}, "", errors.Join(fmt.Errorf("there is a file at %s: a backup never replaces one", name), err)
		}
	}
	from, err := backupSource(ctx, path)
	if err != nil {
		return Contents{}, "", err
	}
	defer removeEmptyLog(ctx, from.path)()
	d, c, digest, err := draftBackup(ctx, from, to, progress)
	if err != nil {
		return Contents{}, "", err
	}
	err = d.link(to)
	if errors.Is(err, os.ErrExist) {
		err = fmt.Errorf("there is a file at %s now: a backup never replaces one", to)
	}
	return c, digest, errors.Join(err, d.remove())
}

// backupSource returns the settings of the connection that reads the database.
func backupSource(ctx context.Context, path string) (connector, error) {
	resolved, err := regularFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no database at %s", path)
	}
	if err != nil {
		return connector{}, err
	}
	log, err := sizeOf(logPath(resolved))
	if err != nil {
		return connector{}, err
	}
	if log == 0 {
		if cannotWrite(filepath.Dir(resolved)) {
			return withoutLog(resolved), nil // SQLite could not create its files
		}
		return withLog(resolved), nil
	}
	file, err := os.Open(resolved)
	if err != nil {
		return connector{}, err
	}
	opened := checkNotOpen(file)
	if err := file.Close(); err != nil {
		return connector{}, err
	}
	if opened == nil { // a server has crashed
		if err := checkLog(ctx, resolved, slog.New(slog.DiscardHandler)); err != nil {
			return connector{}, err
		}
	}
	return withLog(resolved), nil
}

// removeEmptyLog returns a function that removes the empty log which a reader creates next to a
// database that nobody has open. It does nothing if there is a log already.
func removeEmptyLog(ctx context.Context, path string) func() {
	if _, err := os.Stat(logPath(path)); err == nil || cannotWrite(path) {
		return func() {}
	}
	return func() {
		// The last connection that can write removes the log when it is closed. If it does not, an
		// empty log is left, which harms nobody.
		if c, err := readWrite(path).openConnection(context.WithoutCancel(ctx)); err == nil {
			_ = c.exec("SELECT 1 FROM sqlite_schema")
			_ = c.close()
		}
	}
}

// draftBackup returns a checked copy, in the folder of path, and with an identity of its own.
func draftBackup(ctx context.Context, from connector, path string, progress Progress) (d draft, c Contents, digest string, err error) {
	if d, err = newDraft(path); err != nil {
		return draft{}, Contents{}, "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove())
		}
	}()
	if err = d.copyDatabase(ctx, from, progress); err != nil {
		return d, Contents{}, "", fmt.Errorf("copy %s: %w", from.path, err)
	}
	if c, err = d.check(ctx, progress); err == nil && c.Schema >= schemaIdentity {
		err = d.giveIdentity(ctx)
	}
	if err == nil {
		digest, err = d.sync(ctx, progress)
	}
	if err != nil {
		return d, Contents{}, "", fmt.Errorf("check the copy of %s: %w", from.path, err)
	}
	return d, c, digest, nil
}

// keepBeforeMigration writes a backup next to a database whose schema is about to change, and
// returns its name. It does not replace an earlier one.
func keepBeforeMigration(ctx context.Context, path string, schema int64) (name string, err error) {
	d, _, _, err := draftBackup(ctx, withLog(path), path, nil)
	if err != nil {
		return "", explainFull(fmt.Errorf("keep a backup before the migration (--no-backup leaves it out): %w", err), filepath.Dir(path))
	}
	name, err = freeName(fmt.Sprintf("%s.schema-%d", path, schema), d.link)
	return name, errors.Join(err, d.remove())
}

// freeName calls take with base, or with base and the first number from 2 on for which take does
// not fail with [os.ErrExist].
func freeName(base string, take func(name string) error) (string, error) {
	name := base
	for next := 2; ; next++ {
		err := take(name)
		if !errors.Is(err, os.ErrExist) {
			return name, err
		}
		name = base + "." + strconv.Itoa(next)
	}
}

// explainFull says which folder is on a full disk.
func explainFull(err error, folder string) error {
	if failure, ok := errors.AsType[sqlite3.Error](err); ok && failure.Code == sqlite3.ErrFull {
		return fmt.Errorf("there is not enough free space on the disk of %s: %w", folder, err)
	}
	return err
}
