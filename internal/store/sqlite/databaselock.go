package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// lockDatabase opens the file, which it creates if necessary, and waits until no other process
// migrates or replaces it. Closing the file ends the lock.
func lockDatabase(ctx context.Context, path string, logger *slog.Logger) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		if err := lockFile(ctx, file, logger); err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		// A restore may have put another file there while this one waited.
		same, err := isAt(file, path)
		if err == nil && same {
			return file, nil
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// lockWarning is how long lockFile waits silently.
const lockWarning = time.Second

// lockFile waits until no other process migrates or replaces the file, or ctx ends.
func lockFile(ctx context.Context, file *os.File, logger *slog.Logger) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	warn := time.After(lockWarning)
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-again.C:
		case <-warn:
			logger.Warn("waiting: another process has locked the database file with flock(2). It is another userapi that starts, migrates or restores, "+
				"or a program such as flock(1). 'lsof "+file.Name()+"' finds it", "file", file.Name())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// isAt reports whether the path names the open file.
func isAt(file *os.File, path string) (bool, error) {
	opened, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}

// sqliteLocks are the bytes of a database file that SQLite locks: PENDING_BYTE, RESERVED_BYTE and
// the 510 bytes of the shared lock. Each connection to a database with a log holds a shared lock
// as long as it is open.
func sqliteLocks() syscall.Flock_t {
	return syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: 0x40000000, Len: 512}
}

// checkNotOpen fails if another process has the database open. The file must be closed after
// all connections of this process, because closing it drops their locks.
func checkNotOpen(file *os.File) error {
	lock := sqliteLocks()
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &lock); err != nil {
		return fmt.Errorf("look for other processes that have %s open: %w", file.Name(), err)
	}
	switch {
	case lock.Type == syscall.F_UNLCK:
		return nil
	case lock.Pid > 0:
		return fmt.Errorf("process %d has %s open", lock.Pid, file.Name())
	}
	return fmt.Errorf("another process has %s open", file.Name()) // in another container, for example
}

// lockOut keeps all connections of other processes out, until the file is closed. It fails if
// another process has the database open.
func lockOut(file *os.File) error {
	lock := sqliteLocks()
	err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		if err := checkNotOpen(file); err != nil {
			return err
		}
	}
	return err
}

// lockUnused keeps other processes from starting on the file, migrating or replacing it, until the file is
// closed. It fails if another process has the database open.
func lockUnused(file *os.File, path string) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("another process starts on %s, migrates it or restores it: stop it first", path)
	}
	if err != nil {
		return err
	}
	if err := checkNotOpen(file); err != nil {
		return fmt.Errorf("%w: stop it first", err)
	}
	return nil
}
