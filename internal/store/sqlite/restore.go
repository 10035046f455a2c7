package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// RestoreOptions are what [Restore] needs to know in addition to the paths.
type RestoreOptions struct {
	Options
	Replace    bool // replace a database that exists
	KeepTokens bool // log-in tokens stay valid
	Now        time.Time
	Progress   Progress
	// beforeStep is called before each step that changes what is at the path. If it fails, the
	// step fails. It is for tests.
	beforeStep func(name string) error
}

// Restored says what [Restore] did.
type Restored struct {
	Contents
	KeptAs      string            // where the replaced database is; "": there was none
	LastUser    int64             // the highest number that a user has had
	Raised      int64             // users whose version was raised
	LogInTokens int64             // log-in tokens that have ended or, with KeepTokens, that are valid
	Tokens      []directory.Token // the other ones, which are valid
}

// restore is one run of Restore.
type restore struct {
	RestoreOptions
	path string
	old  *os.File // the database that is replaced, locked; nil: there is none
	// settled is the state of old when its numbers were read.
	settled os.FileInfo
	// logAside means that the log of old cannot be moved into it.
	logAside bool
	Restored
}

// Restore puts a copy of a backup at path. It checks the copy first. It fails if another process
// has the database open, or if a database exists and is not to be replaced. Whenever it ends, the
// old database or the new one is at path as a whole. If it fails, it is the old one. This process
// must not have the database open.
func Restore(ctx context.Context, path, from string, options RestoreOptions) (done Restored, err error) {
	r := &restore{RestoreOptions: options}
	defer func() { err = explainFull(err, filepath.Dir(path)) }()
	if err := r.lockOld(path); err != nil {
		return Restored{}, err
	}
	if r.old != nil {
		defer func() { err = errors.Join(err, r.old.Close()) }()
	}
	source, err := openBackup(from, r.old)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	d, err := newDraft(r.path)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, d.remove()) }()
	if err := r.fill(ctx, d, source); err != nil {
		return Restored{}, fmt.Errorf("%s cannot be restored: %w", from, err)
	}
	if err := r.settle(ctx); err != nil {
		return Restored{}, err
	}
	if err := r.adapt(ctx, d); err != nil {
		return Restored{}, fmt.Errorf("adapt the copy of %s: %w", from, err)
	}
	if _, err := d.sync(ctx, r.Progress); err != nil {
		return Restored{}, err
	}
	if err := r.putInPlace(d); err != nil {
		return Restored{}, err
	}
	return r.Restored, nil
}

// lockOld finds the database that will be replaced, if there is one, and keeps others from
// migrating or replacing it.
func (r *restore) lockOld(path string) (err error) {
	r.path = path
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		log, err := sizeOf(logPath(path))
		if err == nil && log > 0 && !r.Replace {
			err = fmt.Errorf("there is no database at %s, but its log %s-wal: use --replace to keep the log under another name", path, path)
		}
		r.logAside = log > 0
		return err
	}
	if r.path, err = regularFile(path); err != nil {
		return err
	}
	if !r.Replace {
		return fmt.Errorf("there is a database at %s: use --replace to replace it and to keep it under another name", path)
	}
	file, err := os.OpenFile(r.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = lockUnused(file, path)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	r.old = file
	return nil
}

// openBackup opens a backup for reading. It fails if a copy of the file alone would not be whole.
func openBackup(path string, old *os.File) (*os.File, error) {
	resolved, err := regularFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no file at %s", path)
	}
	if err != nil {
		return nil, err
	}
	for _, suffix := range []string{"-wal", "-journal"} {
		if size, err := sizeOf(resolved + suffix); err != nil || size > 0 {
			return nil, errors.Join(err, fmt.Errorf("%s is not a whole database without its log %s%s: 'userapi backup' makes one file of both", path, path, suffix))
		}
	}
	if old != nil {
		if same, err := isAt(old, resolved); err != nil || same {
			return nil, errors.Join(err, fmt.Errorf("%s is the database itself, not a backup of it", path))
		}
	}
	file, err := os.Open(resolved)
	if err != nil {
		return nil, err
	}
	if err := checkNotOpen(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: 'userapi backup' makes a copy that can be restored", err), file.Close())
	}
	return file, nil
}

// sqliteHeader begins each SQLite database.
const sqliteHeader = "SQLite format 3\x00"

// fill copies the backup into the draft and checks the copy.
func (r *restore) fill(ctx context.Context, d draft, source *os.File) error {
	header := make([]byte, len(sqliteHeader))
	if _, err := source.ReadAt(header, 0); (err != nil && !errors.Is(err, io.EOF)) || string(header) != sqliteHeader {
		return errors.Join(err, errors.New("it is not an SQLite database"))
	}
	before, err := source.Stat()
	if err != nil {
		return err
	}
	if err := d.copyFile(ctx, source, r.Progress); err != nil {
		return err
	}
	if after, err := source.Stat(); err != nil || !unchanged(before, after) {
		return errors.Join(err, errors.New("it changed while it was read"))
	}
	r.Contents, err = d.check(ctx, r.Progress)
	return err
}

// unchanged reports whether nobody has written to a file between two moments.
func unchanged(before, after os.FileInfo) bool {
	return before.Size() == after.Size() && before.ModTime().Equal(after.ModTime())
}

// settle moves the log of the old database into its file, so that the file alone is whole. If the
// log does not belong to the file, or one of them is damaged, the log is left alone.
func (r *restore) settle(ctx context.Context) (err error) {
	if r.old == nil {
		return nil
	}
	if r.logAside, err = r.hasLog(); err != nil {
		return err
	}
	if r.logAside {
		if err := r.moveLog(ctx); err != nil {
			return err
		}
	}
	if r.settled, err = r.old.Stat(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(r.path))
}

func (r *restore) hasLog() (bool, error) {
	size, err := sizeOf(logPath(r.path))
	return size > 0, err
}

// moveLog moves the log into the file of the old database unless one of them is damaged.
func (r *restore) moveLog(ctx context.Context) (err error) {
	if err := checkLog(ctx, r.path, slog.New(slog.DiscardHandler)); err != nil {
		if ctx.Err() != nil {
			return err
		}
		r.logger().Warn("the old database is damaged: its log is kept next to it as it is", "reason", err)
		return nil
	}
	c, err := readWrite(r.path).openConnection(ctx)
	if err != nil {
		return err
	}
	// Closing the last connection moves the log and deletes it.
	if err := errors.Join(c.exec("PRAGMA wal_checkpoint(TRUNCATE)"), c.close()); err != nil {
		return fmt.Errorf("move the log of %s into the file: %w", r.path, err)
	}
	r.logAside, err = r.hasLog()
	if err == nil && r.logAside {
		err = fmt.Errorf("another process has opened %s: stop it first", r.path)
	}
	return err
}

// adapt changes the draft so that nothing that it brings back is taken for something else.
func (r *restore) adapt(ctx context.Context, d draft) (err error) {
	defer watch(func() { r.Progress.report("adapting", 0, 0) })()
	db := d.changer().openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.old != nil {
		if err := r.goPastOld(ctx, db); err != nil {
			if ctx.Err() != nil {
				return err
			}
			r.logger().Warn("the old database cannot be read: numbers of users and ETags that it gave after the backup may come back with another meaning", "reason", err)
		}
	}
	if err := r.endLogIns(ctx, db); err != nil {
		return err
	}
	if r.Schema >= schemaIdentity {
		if _, err := db.ExecContext(ctx, ownIdentity); err != nil {
			return err
		}
	}
	err = db.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'users'`).Scan(&r.LastUser)
	return err
}

// endLogIns ends the log-in tokens and reads all others.
func (r *restore) endLogIns(ctx context.Context, db *sql.DB) error {
	err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM tokens WHERE kind = 'login'`).Scan(&r.LogInTokens)
	if err != nil {
		return err
	}
	if !r.KeepTokens {
		if _, err := db.ExecContext(ctx, `DELETE FROM tokens WHERE kind = 'login'`); err != nil {
			return err
		}
	}
	over, err := openGORM(db)
	if err != nil {
		return err
	}
	var rows []store.Token
	err = over.WithContext(ctx).Omit("hash").Where("kind <> ? AND (expires IS NULL OR expires > ?)", directory.TokenLogIn, r.Now.UnixMicro()).
		Order("id").Find(&rows).Error
	for _, row := range rows {
		r.Tokens = append(r.Tokens, row.Token())
	}
	return err
}
