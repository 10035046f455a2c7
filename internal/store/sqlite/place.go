package sqlite

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may have at its end, as in Linux.
const maxLinks = 40

// resolve returns the absolute path of the file that the path names, without symbolic links. The
// file itself may be missing, its directory may not.
func resolve(path string) (string, error) {
	for range maxLinks {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err == nil {
			dir, err = filepath.Abs(dir)
		}
		if err != nil {
			return "", explainDirectory(filepath.Dir(path), err)
		}
		path = filepath.Join(dir, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil { // it is no link, or it is missing
			return path, nil //nolint:nilerr // a later step needs the file and says what is wrong with it
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return "", fmt.Errorf("%s is a symbolic link that leads nowhere: remove it, or let it name a file", path)
}

func explainDirectory(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the directory %s does not exist: create it, or name another database with --database (%w)", dir, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is not a directory: name another database with --database (%w)", dir, err)
	}
	return fmt.Errorf("the directory %s cannot be used: %w", dir, err)
}

// logPath returns the path of the log of the database at path.
func logPath(path string) string { return path + "-wal" }

// indexPath returns the path of the file in which SQLite keeps the locks and the index of the log.
func indexPath(path string) string { return path + "-shm" }

// checkPlace fails unless the database at the resolved path can be opened for writing without
// losing anything. It looks only at names and at what stat(2) says, and changes nothing.
func checkPlace(path string) error {
	if info, err := os.Stat(filepath.Dir(path)); err == nil && !info.IsDir() {
		return explainDirectory(filepath.Dir(path), syscall.ENOTDIR)
	}
	if err := checkWritable(filepath.Dir(path), unixWrite|unixSearch); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkNoOrphan(path)
	}
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if err := checkRegular(path, info); err != nil {
		return err
	}
	if err := checkWritable(path, unixRead|unixWrite); err != nil {
		return err
	}
	if info.Sys().(*syscall.Stat_t).Nlink > 1 {
		return fmt.Errorf("%s has a second name (a hard link): two servers on two names of one file lose changes. "+
			"Remove the other name, which 'find DIRECTORY -samefile %s' finds, or replace it by a copy that 'userapi backup' makes", path, path)
	}
	mounted, err := isMountPoint(path)
	if err != nil {
		return err
	}
	if mounted {
		return fmt.Errorf("%s is a mount point: SQLite keeps two more files next to it, which a mount of the one file leaves behind. "+
			"Mount its directory instead", path)
	}
	if info.Size() == 0 {
		return checkNoOrphan(path)
	}
	return nil
}

func checkRegular(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a directory: name a file in it, for example --database=%s", path, filepath.Join(path, "userapi.db"))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file: name another database with --database", path)
	}
	return nil
}

// checkNoOrphan fails if there is a log next to a database that is missing or empty: SQLite would
// delete it.
func checkNoOrphan(path string) error {
	info, err := os.Stat(logPath(path))
	if err != nil || info.Size() == 0 {
		return nil //nolint:nilerr // there is no log, which is what a first start needs
	}
	return fmt.Errorf("%s is missing or empty, but %s holds changes that belong to it: nothing was touched. "+
		"Put the file back that belongs to the log, or restore a backup with 'userapi restore', which keeps the log under another name; "+
		"if you remove the log, the changes in it are lost", path, logPath(path))
}

// The modes of access(2).
const (
	unixSearch = 1
	unixWrite  = 2
	unixRead   = 4
)

// checkWritable fails with a sentence if this process may not use the file or directory.
func checkWritable(path string, mode uint32) error {
	err := syscall.Access(path, mode)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is on a file system that is mounted read-only: mount it for writing, or name another database with --database (%w)", path, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this process, user %d, may not write to %s: SQLite changes the file and keeps two more next to it. "+
			"Give the directory and the file to that user with chown, or name another database with --database (%w)", os.Geteuid(), path, err)
	case errors.Is(err, fs.ErrNotExist):
		return explainDirectory(path, err)
	}
	return fmt.Errorf("%s cannot be used: %w", path, err)
}

// isMountPoint reports whether the file itself is mounted, next to files that are not. Where
// there is no list of mounts, it compares the devices of the file and of its directory.
func isMountPoint(path string) (bool, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		file, errFile := statFile(path, withoutTime)
		dir, errDir := statFile(filepath.Dir(path), withoutTime)
		return file.device != dir.device, errors.Join(errFile, errDir)
	}
	lines := bufio.NewScanner(mounts)
	found := false
	for lines.Scan() {
		// The fifth field is the mount point (proc_pid_mountinfo(5)).
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && unescapeMount(fields[4]) == path {
			found = true
		}
	}
	return found, errors.Join(lines.Err(), mounts.Close())
}

// unescapeMount decodes the octal escapes of spaces, tabs, newlines and backslashes.
func unescapeMount(field string) string {
	var text strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] == '\\' && i+3 < len(field) {
			if code, err := strconv.ParseUint(field[i+1:i+4], 8, 8); err == nil {
				text.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		text.WriteByte(field[i])
	}
	return text.String()
}

// warnOfMode logs if other users may read the file, which holds password hashes.
func warnOfMode(path string, logger *slog.Logger) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		logger.Warn("other users of this machine may open the database, which holds password hashes: run 'chmod 600 "+path+"'",
			"mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
}

// changedAfter reports whether the first file or its name, owner or mode were changed after the second.
func changedAfter(first, second fs.FileInfo) bool {
	changed := func(info fs.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Ctim.Nano() }
	return changed(first) > changed(second)
}
