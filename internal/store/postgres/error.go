package postgres

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
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
	if !answered { // the connection broke, or a deadline ended
		if sent {
			return unknown
		}
		return again
	}
	switch failure.Code {
	case serializationFailure, deadlockDetected, readOnlyTransaction, tooManyConnections, cannotConnectNow:
		return again
	case adminShutdown, crashShutdown:
		if sent {
			return unknown
		}
		return again
	}
	return undone
}

// translate turns an error into a [directory.Error] if there is a code for it.
func translate(err error) error {
	if _, known := errors.AsType[*directory.Error](err); known || err == nil {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, sql.ErrNoRows) || errors.Is(err, gorm.ErrRecordNotFound) {
		return &directory.Error{Code: directory.CodeNotFound}
	}
	failure, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case answered && failure.Code == uniqueViolation:
		return store.Taken(failure.ConstraintName, err)
	case answered && (failure.Code == lockNotAvailable || failure.Code == queryCanceled), isUnreachable(err):
		return &directory.Error{Code: directory.CodeUnavailable, Err: err}
	}
	return err
}

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

// maxTries is how often a transaction is tried.
const maxTries = 5

// pause waits before the next try, the longer the more there were. It fails if ctx ends before.
func pause(ctx context.Context, tries int) error {
	wait := time.NewTimer(min(10*time.Millisecond<<tries, 200*time.Millisecond)/2 + rand.N(10*time.Millisecond<<tries/2)) //nolint:gosec // jitter is no secret
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
