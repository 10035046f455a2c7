package sqlite

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// translate turns an error of the driver into a [directory.Error] if there is a code for it,
// and otherwise returns it as it is. The driver's texts name columns and indexes, never values.
func translate(err error) error {
	if _, known := errors.AsType[*directory.Error](err); known || err == nil {
		return err
	}
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows) {
		return &directory.Error{Code: directory.CodeNotFound}
	}
	failure, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	switch {
	case failure.Code == sqlite3.ErrBusy, failure.Code == sqlite3.ErrLocked, isRefusedWrite(failure):
		return &directory.Error{Code: directory.CodeUnavailable, Err: err}
	case failure.ExtendedCode != sqlite3.ErrConstraintUnique:
		return err
	case strings.Contains(failure.Error(), store.UniqueEmail):
		return store.Taken(store.UniqueEmail, err)
	case strings.Contains(failure.Error(), "users.nick_name_folded"): // SQLite names columns, unless it is an index over expressions
		return store.Taken(store.UniqueNickName, err)
	}
	return err
}

// isRefusedWrite reports whether the system did not let SQLite write, for example because the
// disk is full. Then nothing was committed, because the last thing that a commit writes is its mark.
func isRefusedWrite(err sqlite3.Error) bool {
	return err.Code == sqlite3.ErrFull || err.Code == sqlite3.ErrReadonly || err.ExtendedCode == sqlite3.ErrIoErrWrite
}
