package store

import (
	"context"
	"fmt"

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
		started.OperatorEnded, err = replaceOperatorToken(tx, start.Operator)
		if err != nil || !started.First || start.Made == nil {
			return err
		}
		made := newToken(*start.Made)
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		return start.KeepMade()
	})
	if err != nil {
		return directory.Started{}, err
	}
	return started, nil
}

// replaceOperatorToken ends the operator's tokens but for this one, reports whether
// there were any, and stores the one that is given, if its owner still exists.
func replaceOperatorToken(tx *gorm.DB, given *directory.NewToken) (ended bool, err error) {
	old := tx.Where("kind = ?", directory.TokenOperator)
	if given != nil {
		old = old.Where("hash <> ?", given.Hash[:])
	}
	old = old.Delete(&Token{})
	ended = old.RowsAffected > 0
	if old.Error != nil || given == nil {
		return ended, old.Error
	}
	if owner, err := exists(tx.Model(&User{}).Where("id = ?", given.UserID)); err != nil || !owner {
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
	return ended, nil
}

// exists reports whether the query finds a row, without counting them.
func exists(query *gorm.DB) (bool, error) {
	var ids []int64
	err := query.Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}
