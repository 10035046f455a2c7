package sqlite

import (
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"

	"userapi/internal/directory"
	"userapi/internal/telemetry"
)

// runTransaction runs the units in one transaction. If it fails, no unit has any effect, except if
// the files were lost during the commit. Then nobody knows it.
func (w *writer) runTransaction(batch []*unit) error {
	if err := w.begin(); err != nil {
		return &directory.Error{Code: directory.CodeUnavailable, Err: err}
	}
	renewed, err := w.renew()
	if err == nil {
		err = catchPanic(func() error { return w.runUnits(batch) })
	}
	if err != nil {
		return errors.Join(err, w.rollBack())
	}
	if err := w.commit(); err != nil {
		return err
	}
	return w.checkCommit(renewed)
}

// begin begins a transaction. If it fails, there is no transaction.
func (w *writer) begin() error {
	if err := w.connection.exec("BEGIN IMMEDIATE"); err != nil {
		if lost := w.files.check(logState{}); lost != nil {
			return lost
		}
		return err
	}
	if w.validateCache(); w.foreign {
		if err := w.lookAtLog(); err != nil {
			return errors.Join(err, w.rollBack())
		}
		w.foreign = false
	}
	err := w.files.check(w.log)
	if err == nil {
		err = w.files.checkIndex()
	}
	if err != nil {
		return errors.Join(err, w.rollBack())
	}
	return nil
}

// ready returns why changes would be refused, or nil. It does not wait for a commit that runs, which
// looks at the files itself.
func (w *writer) ready() error {
	if w.commitMu.TryLock() {
		_ = w.files.check(w.log) // finishRead tells the fault
		_ = w.files.checkIndex()
		w.commitMu.Unlock()
	}
	return w.status.problem()
}

// checkFiles looks at the files because a read has failed.
func (w *writer) checkFiles() {
	w.commitMu.Lock()
	defer w.commitMu.Unlock()
	if err := w.files.check(w.log); err == nil {
		// The times of the files may be as they were, although their content is not.
		if fault := w.verify(); fault != nil {
			_ = w.files.report(nil, fault)
		}
	}
}

// commit commits the transaction or rolls it back. It ends the process if nobody knows whether
// the commit is on disk: SQLite would undo it in memory, and after a crash it could be there all the same.
func (w *writer) commit() error {
	begun := time.Now()
	err := w.connection.exec("COMMIT")
	w.metrics.Commit.Observe(time.Since(begun).Seconds())
	if err == nil {
		w.wrote = true
		w.status.writeSucceeded()
		return nil
	}
	if failure, ok := errors.AsType[sqlite3.Error](err); ok && failure.Code == sqlite3.ErrIoErr && !isRefusedWrite(failure) {
		w.fatal(fmt.Errorf("the disk did not confirm a commit: the server ends without an answer to its requests (%w)", err))
		panic("sqlite: Options.Fatal has returned")
	}
	return errors.Join(err, w.rollBack())
}

// checkCommit looks at the files after a commit.
func (w *writer) checkCommit(renewed bool) error {
	before := w.log
	err := w.lookAtLog()
	switch { // before verify, which asks whether the file alone must hold the current identity
	case renewed && err != nil:
		w.renewed = unknownFrame
	case renewed:
		w.renewed = w.log.frames
	case w.log.salt != before.salt:
		w.renewed = 0 // another process has moved everything, so the log begins without a renewal
	}
	if err == nil {
		err = w.files.checkLog(before, w.log)
	}
	if err != nil {
		return fmt.Errorf("nobody knows whether the change is kept: %w", err)
	}
	return nil
}

// runUnits runs the units and undoes those that fail. If it fails itself, the transaction must
// be rolled back.
func (w *writer) runUnits(batch []*unit) error {
	if len(batch) == 1 { // a single unit needs no savepoint: it fails with its transaction
		batch[0].err = w.runUnit(batch[0])
		return batch[0].err
	}
	for _, u := range batch {
		if err := w.connection.exec("SAVEPOINT unit"); err != nil {
			return err
		}
		if u.err = w.runUnit(u); u.err != nil {
			// SQLite itself ends the transaction after some errors, such as a full disk. Then there
			// is no savepoint left.
			if err := w.connection.exec("ROLLBACK TO unit"); err != nil {
				if failure, ok := errors.AsType[sqlite3.Error](u.err); ok && isRefusedWrite(failure) {
					return u.err // it is everybody's failure
				}
				return fmt.Errorf("another unit has ended the transaction: %v", u.err) //nolint:errorlint // %w would give the code of the failed unit to the others
			}
		}
		if err := w.connection.exec("RELEASE unit"); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) runUnit(u *unit) error { return catchPanic(func() error { return u.fn(w.session) }) }

// catchPanic returns a panic of fn as an error, so that the leader can finish the other units.
func catchPanic(fn func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	return fn()
}

// rollBack rolls the transaction back, unless SQLite has already done so.
func (w *writer) rollBack() error {
	if w.connection.driver.AutoCommit() {
		return nil
	}
	return w.connection.exec("ROLLBACK")
}
