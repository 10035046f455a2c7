package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// Start implements [directory.Store].
func (s *Store) Start(ctx context.Context, start directory.Start) (started directory.Started, err error) {
	err = s.writer.Write(ctx, func(tx session) (err error) {
		started, err = applyStart(tx, start)
		return err
	})
	s.cache.Purge()
	if err != nil {
		return directory.Started{}, err
	}
	if started.First {
		s.writer.checkpointNow() // so that a copy of the file alone has user 1
	}
	return started, nil
}

// applyStart is the unit of a start. It may run more than once.
func applyStart(tx session, start directory.Start) (started directory.Started, err error) {
	users, err := exists(tx.gorm.Model(&store.User{}))
	if err != nil {
		return started, err
	}
	started.First = !users
	if started.First {
		if start.Operator == nil && start.Made == nil {
			return started, nil // nobody could use user 1
		}
		if _, err := insertUser(tx, start.Admin, ""); err != nil {
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
	if err := insertToken(tx, *start.Made); err != nil {
		return started, err
	}
	return started, insertTokenEvent(tx, start.At, directory.OperationCreateToken, start.Admin)
}

// replaceOperatorToken stores the given operator's token and ends one of an earlier start that
// differs from it. It reports whether one has ended, and whether the given one is refused
// because its owner is not active or was deleted.
func replaceOperatorToken(tx session, at time.Time, given *directory.NewToken) (ended, refused bool, err error) {
	old := tx.gorm.Where("kind = ?", directory.TokenOperator)
	if given != nil {
		old = old.Where("hash <> ?", given.Hash[:])
	}
	var rows []store.Token
	if err := old.Find(&rows).Error; err != nil {
		return false, false, err
	}
	for _, row := range rows {
		owner, err := findUser(tx, directory.UserID(row.UserID))
		if err != nil {
			return false, false, err
		}
		if err := tx.gorm.Delete(&row).Error; err != nil {
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
	if errors.Is(err, sql.ErrNoRows) {
		return ended, true, nil
	}
	if err != nil {
		return ended, false, err
	}
	return ended, !owner.Active(), storeOperatorToken(tx, at, *given, owner)
}

// storeOperatorToken stores the given token, unless it is stored already.
func storeOperatorToken(tx session, at time.Time, given directory.NewToken, owner directory.User) error {
	there, err := exists(tx.gorm.Model(&store.Token{}).Where("hash = ? AND kind = ?", given.Hash[:], directory.TokenOperator))
	if err != nil || there {
		return err
	}
	row := store.NewToken(given)
	// A token of another kind becomes the operator's.
	replace := clause.OnConflict{
		Columns:   []clause.Column{{Name: "hash"}},
		DoUpdates: clause.AssignmentColumns([]string{"user_id", "name", "kind", "expires"}),
	}
	if err := tx.gorm.Clauses(replace).Create(&row).Error; err != nil {
		return fmt.Errorf("store the operator's token: %w", err)
	}
	return insertTokenEvent(tx, at, directory.OperationCreateToken, owner)
}

// insertTokenEvent stores the event of what a start does to a token.
func insertTokenEvent(tx session, at time.Time, op directory.Operation, owner directory.User) error {
	return insertEvent(tx, directory.Event{At: at, TargetID: owner.ID, EnterpriseID: owner.EnterpriseID, Operation: op})
}
