package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Progress is called now and then with what is being done, and how many bytes of it are done. A
// total of 0 means that nobody knows how long it takes. nil is never called.
type Progress func(step string, done, total int64)

// progressInterval is how often a Progress is called.
const progressInterval = 100 * time.Millisecond

// draft is a database file that has no name yet. It is in a hidden folder of its own, together
// with everything that SQLite puts next to it.
type draft struct{ folder, file string }

// newDraft makes an empty file in a hidden folder next to a path.
func newDraft(path string) (d draft, err error) {
	if d.folder, err = os.MkdirTemp(filepath.Dir(path), ".userapi-*.tmp"); err != nil {
		return draft{}, err
	}
	d.file = filepath.Join(d.folder, "database")
	if err := os.WriteFile(d.file, nil, 0o600); err != nil {
		return draft{}, errors.Join(err, d.remove())
	}
	return d, nil
}

// remove deletes the draft, but not a name that it was given.
func (d draft) remove() error { return os.RemoveAll(d.folder) }

// changer returns the settings of connections that change the draft. Nothing waits for the disk,
// because sync does it at the end.
func (d draft) changer() connector {
	return connector{path: d.file, parameters: url.Values{
		"mode":          {"rw"},
		"_journal_mode": {"DELETE"},
		"_synchronous":  {"OFF"},
	}, pragmas: map[string]string{"journal_mode": "delete"}}
}

// copyDatabase copies the database at path into the draft as of one moment, with its log.
func (d draft) copyDatabase(ctx context.Context, from connector, progress Progress) (err error) {
	db := from.openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := schemaOf(ctx, db); err != nil {
		return err
	}
	size := int64(0)
	err = db.QueryRowContext(ctx, `SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&size)
	if err != nil {
		return err
	}
	defer watch(func() {
		if info, err := os.Stat(d.file); err == nil {
			progress.report("copying", info.Size(), size)
		}
	})()
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, d.file)
	return err
}

// copyFile copies an open file into the draft.
func (d draft) copyFile(ctx context.Context, from *os.File, progress Progress) error {
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := os.OpenFile(d.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = copyBytes(ctx, to, from, func(done int64) { progress.report("copying", done, info.Size()) })
	return errors.Join(err, to.Close())
}

// ownIdentity gives a database an identity that has nothing in common with that of its origin, so
// that the log of the origin never belongs to it.
const ownIdentity = `UPDATE identity SET previous = randomblob(16), current = randomblob(16)`

// giveIdentity gives the draft an identity of its own.
func (d draft) giveIdentity(ctx context.Context) (err error) {
	db := d.changer().openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, ownIdentity)
	return err
}

// check reads the whole draft.
func (d draft) check(ctx context.Context, progress Progress) (c Contents, err error) {
	defer watch(func() { progress.report("checking", 0, 0) })()
	db := withoutLog(d.file).openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	return checkContents(ctx, db)
}

// sync waits until the draft is on disk, and returns its SHA-256.
func (d draft) sync(ctx context.Context, progress Progress) (digest string, err error) {
	defer watch(func() { progress.report("writing to disk", 0, 0) })()
	file, err := os.OpenFile(d.file, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	if err := copyBytes(ctx, hash, file, func(int64) {}); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), file.Sync()
}

// link gives the draft a name. It fails with [os.ErrExist] if there is anything at path.
func (d draft) link(path string) error {
	if err := os.Link(d.file, path); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// report calls the function unless it is nil.
func (p Progress) report(step string, done, total int64) {
	if p != nil {
		p(step, done, total)
	}
}

// watch calls fn again and again in another goroutine, until stop is called.
func watch(fn func()) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		again := time.NewTicker(progressInterval)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				fn()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-stopped }
}

// copyBytes copies until the end of from, or until ctx ends.
func copyBytes(ctx context.Context, to io.Writer, from io.Reader, report func(done int64)) error {
	const step = 4 << 20
	for done := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(to, from, step)
		done += n
		report(done)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// syncFolder waits until the names in a folder are on disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// sizeOf returns the size of a file, and 0 if there is none.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// regularFile returns path without symbolic links. It fails unless a regular file is there.
func regularFile(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	return resolved, nil
}

// cannotWrite reports whether this process cannot write to a file or a folder.
func cannotWrite(path string) bool { return syscall.Access(path, 2) != nil }
