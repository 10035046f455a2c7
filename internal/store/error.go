package store

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"userapi/internal/directory"
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
	case failure.Code == sqlite3.ErrBusy || failure.Code == sqlite3.ErrLocked:
		return &directory.Error{Code: directory.CodeUnavailable, Err: err}
	case failure.ExtendedCode != sqlite3.ErrConstraintUnique:
		return err
	case strings.Contains(failure.Error(), "users_email"):
		return &directory.Error{Code: directory.CodeEmailTaken, Fields: []directory.Field{directory.FieldEmail}, Err: err}
	case strings.Contains(failure.Error(), "users.nick_name_folded"):
		return &directory.Error{Code: directory.CodeNickNameTaken, Fields: []directory.Field{directory.FieldNickName}, Err: err}
	}
	return err
}

// translateRead translates the error of a read. Each exported method of Store that reads
// defers it. Errors of writes are translated by writer.Write. Nothing else translates.
func translateRead(err *error) { *err = translate(*err) }
