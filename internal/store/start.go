package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"userapi/internal/directory"
)

// Start implements directory.Store.
func (s *Store) Start(ctx context.Context, start directory.Start) (first bool, err error) {
	err = s.unit(ctx, func(tx *gorm.DB) error {
		users, err := exists(tx.Model(&User{}))
		if err != nil {
			return err
		}
		first = !users
		if first {
			if _, err := insertUser(tx, start.Admin, ""); err != nil {
				return err
			}
			if err := insertEvent(tx, start.Event); err != nil {
				return err
			}
		}
		if err := replaceOperatorToken(tx, start.Operator); err != nil {
			return err
		}
		if !first || start.Made == nil {
			return nil
		}
		made := newToken(*start.Made)
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		return start.KeepMade()
	})
	return first && err == nil, err
}

// replaceOperatorToken ends the operator's tokens but for this one, and stores it if it
// is new and its owner still exists.
func replaceOperatorToken(tx *gorm.DB, given *directory.NewToken) error {
	old := tx.Where("kind = ?", directory.TokenOperator)
	if given == nil {
		return old.Delete(&Token{}).Error
	}
	if err := old.Where("hash <> ?", given.Hash[:]).Delete(&Token{}).Error; err != nil {
		return err
	}
	if owner, err := exists(tx.Model(&User{}).Where("id = ?", given.UserID)); err != nil || !owner {
		return err
	}
	row := newToken(*given)
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("store the operator's token: %w", err)
	}
	return nil
}

// exists reports whether the query finds a row, without counting them.
func exists(query *gorm.DB) (bool, error) {
	var ids []int64
	err := query.Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}
