package postgres

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// The errors of the server that have a meaning here. Source: PostgreSQL 15, appendix A.
const (
	uniqueViolation      = "23505"
	readOnlyTransaction  = "25006"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	diskFull             = "53100"
	outOfMemory          = "53200"
	tooManyConnections   = "53300"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	cannotConnectNow     = "57P03"
)

// outcome is what a failed transaction has left behind.
type outcome int

const (
	undone  outcome = iota // nothing, and it would fail again
	again                  // nothing, and it may succeed the next time
	unknown                // nobody knows
)

// classify returns the outcome of a transaction that failed with err. Sent says whether COMMIT may have
// been sent.
func classify(err error, sent bool) outcome {
	if _, failed := errors.AsType[*pgconn.ConnectError](err); failed {
		return again
	}
	failure, answered := errors.AsType[*pgconn.PgError](err)
	if !answered || endsSession(failure) { // or a deadline ended
		if sent {
			return unknown
		}
		return again
	}
	switch failure.Code {
	case serializationFailure, deadlockDetected, readOnlyTransaction, tooManyConnections, cannotConnectNow:
		return again
	}
	return undone
}

// endsSession reports whether the server has closed the connection, for example because it stops, or because the
// node was suspended for longer than idle_in_transaction_session_timeout.
func endsSession(failure *pgconn.PgError) bool {
	return failure.SeverityUnlocalized == "FATAL" || failure.SeverityUnlocalized == "PANIC" ||
		failure.Code == adminShutdown || failure.Code == crashShutdown
}

// translate turns an error into a [directory.Error] if there is a code for it.
func translate(err error) error {
	if _, known := errors.AsType[*directory.Error](err); known || err == nil {
		return err
	}
	if isMissing(err) {
		return &directory.Error{Code: directory.CodeNotFound}
	}
	failure, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case answered && failure.Code == uniqueViolation:
		return store.Taken(failure.ConstraintName, err)
	case answered && slices.Contains(mayPass, failure.Code), isUnreachable(err):
		return unavailable(err)
	}
	return err
}

// translateRead is translate for what ends with ctx: if the client has left, that is the error.
func translateRead(ctx context.Context, err error) error {
	if ended := ctx.Err(); err != nil && ended != nil {
		return ended // the driver says it in other words
	}
	return translate(err)
}

// mayPass are errors of a server that is there.
var mayPass = []string{lockNotAvailable, queryCanceled, serializationFailure, deadlockDetected, diskFull, outOfMemory}

// unavailable returns the error of a request that may succeed later.
func unavailable(err error) error {
	if failure, answered := errors.AsType[*pgconn.PgError](err); !answered || !slices.Contains(mayPass, failure.Code) {
		err = &unreachable{err}
	}
	return &directory.Error{Code: directory.CodeUnavailable, Err: err}
}

// isMissing reports whether err says that a row is missing.
func isMissing(err error) bool {
	return errors.Is(err, pgx.ErrNoRows) || errors.Is(err, sql.ErrNoRows) || errors.Is(err, gorm.ErrRecordNotFound)
}

// isAnswer reports whether the server was there and err is its answer.
func isAnswer(err error) bool {
	_, failed := errors.AsType[*pgconn.PgError](err)
	return failed || isMissing(err)
}

// unreachable is the error of a server that was not there to answer, or cannot be written. It does not wrap its
// cause, because an error of the network would look as if the client had left.
type unreachable struct{ cause error }

func (e *unreachable) Error() string {
	return "the database cannot be reached: " + oneLine(e.cause.Error())
}

// ReadyDetail returns a sentence that /readyz shows, and by which the log knows the same cause again.
func (e *unreachable) ReadyDetail() string { return "The database cannot be reached." }

// isUnreachable reports whether the server was not there to answer.
func isUnreachable(err error) bool {
	if _, failed := errors.AsType[*pgconn.ConnectError](err); failed {
		return true
	}
	if failure, answered := errors.AsType[*pgconn.PgError](err); answered {
		return classify(failure, false) == again
	}
	return isBroken(err)
}

const (
	maxTries = 5  // how often a transaction is tried
	maxLooks = 60 // the same after a commit that had no answer
)

// pause waits before the next try, the longer the more there were. It fails if ctx ends before.
func pause(ctx context.Context, tries int) error {
	wait := min(10*time.Millisecond<<min(tries, 5), 200*time.Millisecond)
	timer := time.NewTimer(wait/2 + rand.N(wait/2)) //nolint:gosec // jitter is no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
