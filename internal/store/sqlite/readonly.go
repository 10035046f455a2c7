package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// OpenReadOnly opens a database for commands that only read. If this process may write to the
// file and to its directory, it is [Open]. Otherwise the file is read alone, as it is on a read-only
// mount. It then fails if there is a log: the changes in it would be missing. The methods that write fail.
func OpenReadOnly(ctx context.Context, path string, options Options) (*Store, error) {
	resolved, err := resolve(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(resolved)
	if err != nil || isWritable(resolved) {
		return Open(ctx, path, options)
	}
	if err := checkRegular(resolved, info); err != nil {
		return nil, err
	}
	s := newStore(options)
	if err := s.connectAlone(ctx, resolved); err != nil {
		return nil, errors.Join(explain(path, err), s.Close())
	}
	return s, nil
}

func isWritable(path string) bool {
	return errors.Join(syscall.Access(path, unixRead|unixWrite), syscall.Access(filepath.Dir(path), unixWrite|unixSearch)) == nil
}

// connectAlone opens connections that read the file without a log.
func (s *Store) connectAlone(ctx context.Context, path string) error {
	if err := syscall.Access(path, unixRead); err != nil {
		return fmt.Errorf("this process, user %d, may not read %s: run the command as the user of the server (%w)", os.Geteuid(), path, err)
	}
	if log, err := os.Stat(logPath(path)); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s cannot be written, and %s holds changes that are not yet in it: they would be missing. "+
			"Stop the server that uses it and copy the file again, or run the command as a user who may write to %s, or read a file that 'userapi backup' has made",
			path, logPath(path), filepath.Dir(path))
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return errors.Join(fmt.Errorf("%s is empty: name another database with --database", path), err)
	}
	if err := checkOwner(ctx, path); err != nil {
		return err
	}
	if err := checkSchema(ctx, withoutLog(path)); err != nil {
		return err
	}
	return s.connectReaders(ctx, withoutLog(path))
}
