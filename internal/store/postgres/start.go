package postgres

import (
	"context"

	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// Start implements [directory.Store]. Only one node at a time starts. A start may be repeated after a commit
// that had no answer.
func (s *Store) Start(ctx context.Context, start directory.Start) (started directory.Started, err error) {
	err = s.read(ctx, func(db *gorm.DB) (err error) {
		started, err = startOnce(db, start)
		return err
	})
	return started, err
}

func startOnce(db *gorm.DB, start directory.Start) (started directory.Started, err error) {
	err = db.Transaction(func(tx *gorm.DB) (err error) {
		if err := tx.Exec(`SELECT pg_advisory_xact_lock(?::int, 0)`, lockStart).Error; err != nil {
			return err
		}
		// A start ends tokens of this user.
		if err := tx.Exec(`SELECT pg_advisory_xact_lock(?::int, ?::int)`, lockUser, start.Admin.ID).Error; err != nil {
			return err
		}
		// So that the commit waits for a synchronous standby, even if an earlier try has written everything.
		if err := tx.Exec(`SELECT pg_logical_emit_message(true, 'userapi', ?)`, "").Error; err != nil {
			return err
		}
		started, err = store.ApplyStart(tx, start)
		return err
	})
	return started, err
}
