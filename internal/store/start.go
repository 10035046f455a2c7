package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"userapi/internal/directory"
)

// Start implements directory.Store.
func (s *Store) Start(ctx context.Context, start directory.Start) (started directory.Started, err error) {
	err = s.unit(ctx, func(tx *gorm.DB) error {
		users, err := exists(tx.Model(&User{}))
		if err != nil {
			return err
		}
		started.First = !users
		if started.First {
			if _, err := insertUser(tx, start.Admin, ""); err != nil {
				return err
			}
			if err := insertEvent(tx, start.Event); err != nil {
				return err
			}
		}
		if started.OperatorEnded, err = replaceOperatorToken(tx, start.At, start.Operator); err != nil {
			return err
		}
		if start.Operator != nil {
			owner, err := findUser(tx, start.Operator.UserID)
			if err != nil && !isNotFound(err) {
				return err
			}
			started.OperatorVain = !owner.Active()
		}
		if !started.First || start.Made == nil {
			return nil
		}
		if err := insertToken(tx, *start.Made); err != nil {
			return err
		}
		if err := insertTokenEvent(tx, start.At, directory.OperationCreateToken, start.Admin); err != nil {
			return err
		}
		return start.KeepMade()
	})
	if err != nil {
		return directory.Started{}, err
	}
	return started, nil
}

// replaceOperatorToken ends the operator's token of an earlier start unless it is this
// one, reports whether there was one, and stores the one that is given, if its owner
// still exists.
func replaceOperatorToken(tx *gorm.DB, at time.Time, given *directory.NewToken) (ended bool, err error) {
	var old []Token
	if err := tx.Find(&old, "kind = ?", directory.TokenOperator).Error; err != nil {
		return false, err
	}
	for _, row := range old {
		if given != nil && bytes.Equal(row.Hash, given.Hash[:]) {
			return false, nil
		}
		owner, err := findUser(tx, directory.UserID(row.UserID))
		if err != nil {
			return false, err
		}
		if err := tx.Delete(&row).Error; err != nil {
			return false, err
		}
		if err := insertTokenEvent(tx, at, directory.OperationRevokeToken, owner); err != nil {
			return false, err
		}
		ended = true
	}
	if given == nil {
		return ended, nil
	}
	owner, err := findUser(tx, given.UserID)
	if isNotFound(err) {
		return ended, nil
	}
	if err != nil {
		return ended, err
	}
	row := newToken(*given)
	// A token that is known already becomes the operator's.
	replace := clause.OnConflict{
		Columns:   []clause.Column{{Name: "hash"}},
		DoUpdates: clause.AssignmentColumns([]string{"user_id", "name", "kind", "expires"}),
	}
	if err := tx.Clauses(replace).Create(&row).Error; err != nil {
		return ended, fmt.Errorf("store the operator's token: %w", err)
	}
	return ended, insertTokenEvent(tx, at, directory.OperationCreateToken, owner)
}

// insertTokenEvent stores what a start does to a token.
func insertTokenEvent(tx *gorm.DB, at time.Time, op directory.Operation, owner directory.User) error {
	return insertEvent(tx, directory.Event{At: at, TargetID: owner.ID, EnterpriseID: owner.EnterpriseID, Operation: op})
}

// exists reports whether the query finds a row, without counting them.
func exists(query *gorm.DB) (bool, error) {
	var ids []int64
	err := query.Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}
