package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"userapi/internal/directory"
)

//go:embed migrations
var migrations embed.FS

// Migrate creates the file if it does not exist, brings its schema up to date, and returns
// the schema's version. Only one process at a time migrates a file: others wait.
func Migrate(ctx context.Context, path string, options Options) (version int64, err error) {
	path, err = resolve(path)
	if err == nil {
		err = checkPlace(path)
	}
	if err != nil {
		return 0, err
	}
	file, err := lockDatabase(ctx, path, options.logger())
	if err != nil {
		return 0, err
	}
	// Closing the file drops SQLite's locks of the whole process (fcntl(2)). So it is closed
	// after the connection in migrate, and before another connection is opened.
	defer func() { err = errors.Join(err, file.Close()) }()
	warnOfMode(path, options.logger())
	version, err = migrate(ctx, path, options)
	return version, explain(path, err)
}

func migrate(ctx context.Context, path string, options Options) (version int64, err error) {
	// A restore may have replaced the file while this process waited for the lock.
	if err := checkPlace(path); err != nil {
		return 0, err
	}
	if err := checkBeforeOpening(ctx, path, options.logger()); err != nil {
		return 0, err
	}
	db := readWrite(path).openPool(1)
	defer func() {
		err = errors.Join(err, db.Close())
		touchLog(path) // if the disk is full, closing changes the file without removing the log
	}()
	provider, current, err := readSchema(ctx, db)
	if err != nil {
		return 0, err
	}
	if err := keepOldSchema(ctx, path, provider, current, options); err != nil {
		return 0, err
	}
	applied, err := provider.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate %s: %w", path, err)
	}
	for _, migration := range applied {
		current = migration.Source.Version
	}
	if len(applied) > 0 {
		// Closing the pool does it, too, unless another process has the database open.
		if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			return 0, fmt.Errorf("move the migrations from the log to %s: %w", path, err)
		}
	}
	return current, nil
}

// keepOldSchema keeps a backup if there is something to migrate, unless the options leave it out.
func keepOldSchema(ctx context.Context, path string, provider *goose.Provider, current int64, options Options) error {
	pending, err := provider.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current == 0 || !pending || !options.KeepBackup {
		return nil
	}
	kept, err := keepBeforeMigration(ctx, path, current)
	if err == nil {
		options.logger().Info("kept a backup before the migration", "file", kept, "schema", current)
	}
	return err
}

// NewestSchema is the version of the schema that this program creates and needs: the number of the
// last migration.
const NewestSchema = 9

// readSchema returns the migrations and the version of the database's schema, which is 0 if
// the database is empty. It fails if the version is newer than this program.
func readSchema(ctx context.Context, db *sql.DB) (*goose.Provider, int64, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(
			goose.NewGoMigration(3, &goose.GoFunc{RunTx: fillFolded}, nil), // names and phones
			goose.NewGoMigration(4, &goose.GoFunc{RunTx: fillFolded}, nil), // again, because Fold was wrong for Cherokee before
			goose.NewGoMigration(8, &goose.GoFunc{RunTx: fillFolded}, nil), // again, because Fold did not fold width before
		))
	if err != nil {
		return nil, 0, fmt.Errorf("read the migrations: %w", err)
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if current > known {
		return nil, 0, fmt.Errorf("the database has schema %d and this userapi knows %d: run a newer userapi", current, known)
	}
	return provider, current, nil
}

// checkSchema fails if the schema is older or newer than this program.
func checkSchema(ctx context.Context, from connector) (err error) {
	db := from.openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, _, err := readSchema(ctx, db)
	if err != nil {
		return err
	}
	pending, err := provider.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if pending {
		return errors.New("the database has an older schema: run 'userapi migrate'")
	}
	return nil
}

// fillFolded fills the folded columns, because SQLite folds ASCII only. If several users of an
// enterprise have names that fold alike, the first one gets the name as Fold returns it, unless
// another one has it already. The others keep theirs as FoldCase returns it, so that they can
// still log in.
func fillFolded(ctx context.Context, tx *sql.Tx) error {
	users, err := readFoldable(ctx, tx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if _, err := tx.ExecContext(ctx, `UPDATE users SET phone_folded = ? WHERE id = ?`, directory.Fold(u.phone), u.id); err != nil {
			return fmt.Errorf("fold the phone of user %d: %w", u.id, err)
		}
		for _, folded := range []string{directory.Fold(u.name), directory.FoldCase(u.name)} {
			result, err := tx.ExecContext(ctx, `UPDATE OR IGNORE users SET nick_name_folded = ? WHERE id = ?`, folded, u.id)
			if err != nil {
				return fmt.Errorf("fold the name of user %d: %w", u.id, err)
			}
			written, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if written > 0 {
				break
			}
		}
	}
	return nil
}

// foldable has the texts of a user that are folded.
type foldable struct {
	id          int64
	name, phone string
}

// readFoldable returns the users whose folded texts are not as Fold returns them, in the order of
// their numbers.
func readFoldable(ctx context.Context, tx *sql.Tx) (users []foldable, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, nick_name, nick_name_folded, phone, phone_folded FROM users ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var u foldable
		var nameFolded, phoneFolded string
		if err := rows.Scan(&u.id, &u.name, &nameFolded, &u.phone, &phoneFolded); err != nil {
			return nil, err
		}
		if nameFolded != directory.Fold(u.name) || phoneFolded != directory.Fold(u.phone) {
			users = append(users, u)
		}
	}
	return users, rows.Err()
}
