package sqlite

import (
	"cmp"
	"errors"
	"time"

	"github.com/mattn/go-sqlite3"
)

const (
	// checkpointFrames is how many frames the log has, 16 MB of them, when the leader moves them into
	// the file after its batch. In a longer log a page changes more often before it is
	// moved, which makes fewer waits for the disk.
	checkpointFrames = 4000
	// upkeepInterval is how often the writer's goroutine looks after the files. So the file alone
	// lacks the changes of the last second at most, unless a reader holds older ones.
	upkeepInterval = time.Second
)

// logState is what SQLite says of the log.
type logState struct {
	frames int64 // how many there are
	moved  int64 // how many of them a checkpoint has moved into the file
	salt   salt
}

// lookAtLog learns the state of the log. That changes nothing, and may be done next to a transaction
// of the other connection.
func (w *writer) lookAtLog() error {
	for {
		if log, ok := w.files.readLogState(); ok {
			w.setLog(log)
			return nil
		}
		// If a process has died while it wrote the header, this writes it anew.
		if err := w.second.exec("PRAGMA wal_checkpoint(NOOP)"); err != nil {
			return err
		}
	}
}

func (w *writer) setLog(log logState) {
	w.log = log
	w.unmoved.Store(log.frames - log.moved)
}

// checkpoint moves the frames of the log into the file, as far as no reader needs older pages. It does
// not wait for readers. It is called with commitMu held.
func (w *writer) checkpoint() {
	err := w.moveFrames()
	w.status.checkpointEnded(err)
	w.status.warnOfLength(w.files.reader.frameOffset(w.log.frames+1), w.log)
}

// checkpointNow is checkpoint for callers that do not hold commitMu.
func (w *writer) checkpointNow() {
	w.commitMu.Lock()
	defer w.commitMu.Unlock()
	w.checkpoint()
}

func (w *writer) moveFrames() error {
	if err := w.lookAtLog(); err != nil || w.log.frames == w.log.moved {
		return err
	}
	if err := w.files.check(w.log); err != nil {
		return nil //nolint:nilerr // the guard has logged it, and there is no file to which frames could be moved
	}
	if w.renewalMoved() {
		// A checkpoint that could not move everything has moved the last renewal. Without a new one,
		// the file of then could not be told from the file of now. If this fails, so will the
		// writes, and they say why.
		w.status.writeFailed(w.runTransaction(nil))
	}
	touchLog(w.files.path)
	err := w.second.exec("PRAGMA wal_checkpoint(PASSIVE)")
	err = cmp.Or(err, w.lookAtLog())
	if accepted := w.files.accept(); accepted != nil {
		return nil //nolint:nilerr // the guard has logged it
	}
	touchLog(w.files.path)
	return err
}

// keepUp does once a second what no batch does: it looks at the files, moves what is left in the log, and
// tries again to write after that has failed. It is called with commitMu held.
func (w *writer) keepUp() {
	if err := w.lookAtLog(); err != nil {
		w.status.checkpointEnded(err)
		return
	}
	if err := w.files.check(w.log); err != nil {
		return
	}
	if err := w.files.checkIndex(); err != nil {
		return
	}
	w.checkpoint()
	// A log that is moved as a whole begins anew with the next commit, which also cuts it.
	idleAndLong := w.log.frames == w.log.moved && w.files.logSize() > maxIdleLog
	if w.status.unwritable() || idleAndLong {
		w.status.writeFailed(w.runTransaction([]*unit{newProbe()}))
	}
}

// isDiskError reports whether a checkpoint failed because of the disk, and not because another process
// runs one.
func isDiskError(err error) bool {
	failure, ok := errors.AsType[sqlite3.Error](err)
	return !ok || failure.Code != sqlite3.ErrBusy && failure.Code != sqlite3.ErrLocked
}
