package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Steps of putInPlace, for [RestoreOptions].beforeStep.
const (
	stepKeep      = "keep the old database"
	stepKeepLog   = "keep the old log"
	stepRemoveLog = "remove the old log"
	stepReplace   = "replace the old database"
)

// putInPlace gives the draft the name of the database. What is there gets another name first, as
// a second link, so that it is whole whenever this process ends. If a step fails, putInPlace
// undoes the steps before it.
func (r *restore) putInPlace(d draft) (err error) {
	if r.old != nil {
		if err := r.lockOutOthers(d); err != nil {
			return err
		}
	}
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			err = errors.Join(err, undo[i]())
		}
	}()
	for _, s := range r.steps(d) {
		if !s.needed {
			continue
		}
		if r.beforeStep != nil {
			if err := r.beforeStep(s.name); err != nil {
				return err
			}
		}
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		undo = append(undo, s.undo)
	}
	undo = nil // the new database is in place
	if err := syncFolder(filepath.Dir(r.path)); err != nil {
		return fmt.Errorf("%s has been replaced, but the folder cannot be written to disk: %w", r.path, err)
	}
	return nil
}

// step is a system call that changes names.
type step struct {
	name     string
	needed   bool
	do, undo func() error
}

func (r *restore) steps(d draft) []step {
	log := logPath(r.path)
	replace := os.Rename
	if r.old == nil {
		replace = os.Link // it fails if a database has come into being
	}
	return []step{
		{stepKeep, r.old != nil || r.logAside, r.keepOld, r.unkeepOld},
		{
			stepKeepLog, r.logAside,
			func() error { return os.Link(log, logPath(r.KeptAs)) },
			func() error { return os.Remove(logPath(r.KeptAs)) },
		},
		{
			stepRemoveLog, r.logAside,
			func() error { return os.Remove(log) },
			func() error { return os.Link(logPath(r.KeptAs), log) },
		},
		{stepReplace, true, func() error { return replace(d.file, r.path) }, nil},
	}
}

// keepOld gives the old database a second name, KeptAs.
func (r *restore) keepOld() (err error) {
	r.KeptAs, err = freeName(r.path+".replaced-"+r.Now.UTC().Format("20060102T150405Z"), func(name string) error {
		if _, err := os.Lstat(logPath(name)); !errors.Is(err, os.ErrNotExist) {
			return errors.Join(err, os.ErrExist)
		}
		if r.old == nil { // there is only a log
			return nil
		}
		return os.Link(r.path, name)
	})
	return err
}

func (r *restore) unkeepOld() error {
	if r.old == nil {
		return nil
	}
	return os.Remove(r.KeptAs)
}

// lockOutOthers keeps all other processes out of the old database. It fails if one of them has it
// open or has changed it since settle. The draft gets the owner of the old database.
func (r *restore) lockOutOthers(d draft) error {
	if err := lockOut(r.old); err != nil {
		return err
	}
	now, err := r.old.Stat()
	if err != nil {
		return err
	}
	same, err := isAt(r.old, r.path)
	if err != nil {
		return err
	}
	log, err := r.hasLog()
	if err != nil {
		return err
	}
	if !same || log != r.logAside || !unchanged(r.settled, now) {
		return fmt.Errorf("another process has changed %s meanwhile: stop it and run the command again", r.path)
	}
	owner, ok := now.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(d.file, int(owner.Uid), int(owner.Gid))
}
