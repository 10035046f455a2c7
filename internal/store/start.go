package store

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"userapi/internal/directory"
)

// ApplyStart is the unit of a start, in a transaction. It may run again after a commit that had no answer.
func ApplyStart(tx *gorm.DB, start directory.Start) (started directory.Started, err error) {
	users, err := Exists(tx.Model(&User{}))
	if err != nil {
		return started, err
	}
	if users && start.Made != nil {
		// Nobody else has drawn this token, so an earlier try was the first start.
		started.First, err = Exists(tx.Model(&Token{}).Where("hash = ?", start.Made.Hash[:]))
		if err != nil || started.First {
			return started, err
		}
	}
	started.First = !users
	if started.First {
		if start.Operator == nil && start.Made == nil {
			return started, nil // nobody could use user 1
		}
		row := NewUser(start.Admin, "")
		if err := tx.Create(&row).Error; err != nil {
			return started, err
		}
		if err := insertEvent(tx, start.Event); err != nil {
			return started, err
		}
	}
	if started.OperatorEnded, started.OperatorRefused, err = replaceOperatorToken(tx, start.At, start.Operator); err != nil {
		return started, err
	}
	if !started.First || start.Made == nil {
		return started, nil
	}
	row := NewToken(*start.Made)
	if err := tx.Create(&row).Error; err != nil {
		return started, err
	}
	return started, insertTokenEvent(tx, start.At, directory.OperationCreateToken, start.Admin)
}

// replaceOperatorToken stores the given operator's token and ends one of an earlier start that differs from
// it. It reports whether one has ended, and whether the given one is refused because its owner is not
// active or was deleted.
func replaceOperatorToken(tx *gorm.DB, at time.Time, given *directory.NewToken) (ended, refused bool, err error) {
	old := tx.Where("kind = ?", directory.TokenOperator)
	if given != nil {
		old = old.Where("hash <> ?", given.Hash[:])
	}
	var rows []Token
	if err := old.Find(&rows).Error; err != nil {
		return false, false, err
	}
	for _, row := range rows {
		owner, err := findUser(tx, directory.UserID(row.UserID))
		if err != nil {
			return false, false, err
		}
		if err := tx.Delete(&row).Error; err != nil {
			return false, false, err
		}
		if err := insertTokenEvent(tx, at, directory.OperationRevokeToken, owner); err != nil {
			return false, false, err
		}
		ended = true
	}
	if given == nil {
		return ended, false, nil
	}
	owner, err := findUser(tx, given.UserID)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ended, true, nil
	}
	if err != nil {
		return ended, false, err
	}
	return ended, !owner.Active(), storeOperatorToken(tx, at, *given, owner)
}

// storeOperatorToken stores the given token, unless it is stored already.
func storeOperatorToken(tx *gorm.DB, at time.Time, given directory.NewToken, owner directory.User) error {
	there, err := Exists(tx.Model(&Token{}).Where("hash = ? AND kind = ?", given.Hash[:], directory.TokenOperator))
	if err != nil || there {
		return err
	}
	row := NewToken(given)
	// A token of another kind becomes the operator's.
	replace := clause.OnConflict{
		Columns:   []clause.Column{{Name: "hash"}},
		DoUpdates: clause.AssignmentColumns([]string{"user_id", "name", "kind", "expires"}),
	}
	if err := tx.Clauses(replace).Create(&row).Error; err != nil {
		return fmt.Errorf("store the operator's token: %w", err)
	}
	return insertTokenEvent(tx, at, directory.OperationCreateToken, owner)
}

func findUser(tx *gorm.DB, id directory.UserID) (directory.User, error) {
	var row User
	if err := tx.Take(&row, "id = ?", id).Error; err != nil {
		return directory.User{}, err
	}
	return row.User()
}

func insertEvent(tx *gorm.DB, e directory.Event) error {
	row := NewEvent(e)
	return tx.Omit("id").Create(&row).Error
}

// insertTokenEvent stores the event of what a start does to a token.
func insertTokenEvent(tx *gorm.DB, at time.Time, op directory.Operation, owner directory.User) error {
	return insertEvent(tx, directory.Event{At: at, TargetID: owner.ID, EnterpriseID: owner.EnterpriseID, Operation: op})
}
