package mock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// The names of a folder and of what is in it. Nothing with another name is ever removed.
const (
	folderPrefix = "userapi-mock-"
	markerName   = "mock.lock"
)

var (
	folderName = regexp.MustCompile(`^` + folderPrefix + `[0-9]+$`)
	fileName   = regexp.MustCompile(`^(` + regexp.QuoteMeta(markerName) + `|(seed|[0-9]+)\.db(-wal|-shm|-journal)?)$`)
)

// Folder is a folder for the files of one mock. While the mock lives, it holds a lock on a file in the folder.
type Folder struct {
	path   string
	marker *os.File // locked
}

// NewFolder makes a folder below parent that only the user of the process can read.
func NewFolder(parent string) (*Folder, error) {
	for {
		path, err := os.MkdirTemp(parent, folderPrefix)
		if err != nil {
			return nil, fmt.Errorf("make a folder for the database: %w", err)
		}
		f := &Folder{path: path}
		if f.marker, err = os.OpenFile(filepath.Join(path, markerName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("make a folder for the database: %w", err), os.Remove(path))
		}
		// Another mock that looks for abandoned folders may have been faster with the lock. It removes this one.
		locked, err := f.lock()
		if locked {
			return f, nil
		}
		if err := errors.Join(err, f.marker.Close()); err != nil {
			return nil, err
		}
	}
}

// lock locks the marker and reports whether that has succeeded and the marker is still there.
func (f *Folder) lock() (bool, error) {
	if err := syscall.Flock(int(f.marker.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = nil
		}
		return false, err
	}
	locked, err := f.marker.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(f.marker.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(locked, named), err
}

// File returns the path of a database in the folder: "seed", or a number.
func (f *Folder) File(name string) string { return filepath.Join(f.path, name+".db") }

// RemoveFile removes a database and everything that SQLite has left next to it.
func (f *Folder) RemoveFile(name string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(f.File(name) + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Remove removes the folder with everything in it.
func (f *Folder) Remove() error { return errors.Join(os.RemoveAll(f.path), f.marker.Close()) }

// RemoveAbandoned removes the folders below parent that mocks of this user have left because they were killed.
// It leaves a folder alone if a mock that lives has locked it, if it belongs to another user or others can write to it, if it is
// a symbolic link, and if there is anything in it that no mock has made. It returns the names of those that it has removed.
func RemoveAbandoned(parent string) (removed []string, err error) {
	root, err := os.OpenRoot(parent)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, entry := range entries {
		if !folderName.MatchString(entry.Name()) || !entry.IsDir() {
			continue
		}
		done, err := removeAbandoned(root, entry.Name())
		if done {
			removed = append(removed, filepath.Join(parent, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another mock may have removed it
			errs = append(errs, err)
		}
	}
	return removed, errors.Join(errs...)
}

// removeAbandoned works on open files only, so that nobody can put something else in the place of a folder meanwhile.
func removeAbandoned(parent *os.Root, name string) (removed bool, err error) {
	named, err := parent.Lstat(name)
	if err != nil || !isPrivate(named) {
		return false, err
	}
	folder, err := parent.OpenRoot(name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	opened, err := folder.Stat(".")
	if err != nil || !os.SameFile(named, opened) {
		return false, err
	}
	names, ok, err := ownFiles(folder)
	if !ok || err != nil {
		return false, err
	}
	marker, err := folder.OpenFile(markerName, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, marker.Close()) }()
	if err := syscall.Flock(int(marker.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = nil // a mock that lives
		}
		return false, err
	}
	for _, file := range append(names, markerName) { // the marker last: the next mock goes on if this one is killed
		if err := folder.Remove(file); err != nil {
			return false, err
		}
	}
	err = parent.Remove(name)
	return err == nil, err
}

// isPrivate reports whether something is a folder, not a link to one, that belongs to the user of the process and that nobody else
// can use.
func isPrivate(folder fs.FileInfo) bool {
	owner, ok := folder.Sys().(*syscall.Stat_t)
	return ok && folder.IsDir() && int(owner.Uid) == os.Geteuid() && folder.Mode().Perm() == 0o700
}

// ownFiles returns the names of the files in a folder except the marker's. It returns false if there is no marker, or if there is
// anything that no mock makes.
func ownFiles(folder *os.Root) (names []string, ok bool, err error) {
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return nil, false, err
	}
	marked := false
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !fileName.MatchString(entry.Name()) {
			return nil, false, nil
		}
		if entry.Name() == markerName {
			marked = true
			continue
		}
		names = append(names, entry.Name())
	}
	return names, marked, nil
}
