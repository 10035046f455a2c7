package postgres

import (
	"context"
	"database/sql"
	"strings"

	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// read calls fn with GORM, and again if the server was not there.
func (s *Store) read(ctx context.Context, fn func(db *gorm.DB) error) error {
	_, err := retry(ctx, s, func(ctx context.Context, c *connections) (struct{}, error) {
		return struct{}{}, fn(c.gorm.WithContext(ctx))
	})
	return translateRead(ctx, err)
}

// atOneMoment calls fn in a transaction whose statements all see the same moment.
func (s *Store) atOneMoment(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return s.read(ctx, func(db *gorm.DB) error {
		return db.Transaction(fn, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	})
}

// findPage returns one page of the rows that the query selects, ordered by number, and their total.
func findPage[Row any](query *gorm.DB, page directory.Page) (rows []Row, total int64, err error) {
	query = query.Session(&gorm.Session{}) // so that it can be used twice
	if err := query.Count(&total).Error; err != nil || page.Offset() >= total {
		return nil, total, err
	}
	err = query.Order("id").Offset(int(page.Offset())).Limit(int(page.Size)).Find(&rows).Error
	return rows, total, err
}

// Users implements [directory.Store].
func (s *Store) Users(ctx context.Context, filter directory.UserFilter, page directory.Page) (users []directory.User, total int64, err error) {
	var rows []store.User
	err = s.atOneMoment(ctx, func(tx *gorm.DB) (err error) {
		query := store.SelectUsers(tx, filter)
		if filter.Text != "" {
			// A plan that is made once cannot tell whether an index helps to find this text.
			for _, setting := range []string{"max_parallel_workers_per_gather = 0", "plan_cache_mode = force_custom_plan"} {
				if err := tx.Exec("SET LOCAL " + setting).Error; err != nil {
					return err
				}
			}
			part := "%" + likeEscape.Replace(directory.Fold(filter.Text)) + "%"
			query = query.Where(`(nick_name_folded LIKE ? OR lower(email COLLATE "C") LIKE ? OR phone_folded LIKE ?)`, part, part, part)
		}
		rows, total, err = findPage[store.User](query, page)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	users, err = store.Users(rows)
	return users, total, err
}

// likeEscape escapes what LIKE gives a meaning.
var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// UsersAfter implements [directory.Store].
func (s *Store) UsersAfter(ctx context.Context, filter directory.UserFilter, id directory.UserID, limit int) ([]directory.User, error) {
	var rows []store.User
	err := s.read(ctx, func(db *gorm.DB) error {
		return store.SelectUsers(db, filter).Where("id > ?", id).Order("id").Limit(limit).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return store.Users(rows)
}

// Events implements [directory.Store].
func (s *Store) Events(ctx context.Context, filter directory.EventFilter, page directory.Page) (events []directory.Event, total int64, err error) {
	var rows []store.Event
	err = s.atOneMoment(ctx, func(tx *gorm.DB) (err error) {
		query := tx.Model(&store.Event{})
		if filter.TargetID != 0 {
			query = query.Where("target_id = ?", filter.TargetID)
		}
		if filter.EnterpriseID != "" {
			query = query.Where("enterprise_id = ?", filter.EnterpriseID)
		}
		rows, total, err = findPage[store.Event](query, page)
		return err
	})
	return store.Events(rows), total, err
}

// EventsAfter implements [directory.Store].
func (s *Store) EventsAfter(ctx context.Context, target directory.UserID, id int64, limit int) ([]directory.Event, error) {
	var rows []store.Event
	err := s.read(ctx, func(db *gorm.DB) error {
		query := db.Where("id > ?", id)
		if target == 0 {
			settled, err := settledEvents(ctx, db)
			if err != nil {
				return err
			}
			query = query.Where("id <= ?", settled)
		} else {
			query = query.Where("target_id = ?", target) // a lower number cannot follow, because its lock was held
		}
		return query.Order("id").Limit(limit).Find(&rows).Error
	})
	return store.Events(rows), err
}

// settledEvents returns the highest number of an event, after all events with lower numbers are committed or
// rolled back: each got its number before its commit, so a reader could see the higher number first and never
// return for the lower one. It waits only for transactions that write events.
//
// A transaction that draws a number holds a lock on the table until its end is visible. The bound of
// pg_snapshot_xmin would not do: the order of transactions is not that of the numbers, and a long
// transaction in another database would hide events that were acknowledged.
func settledEvents(ctx context.Context, db *gorm.DB) (highest int64, err error) {
	if err := db.Raw(`SELECT COALESCE(max(id), 0) FROM events`).Scan(&highest).Error; err != nil {
		return 0, err
	}
	const writing = `SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	var open []string
	err = db.Raw(writing).Scan(&open).Error // a statement of its own, so that it runs after the one above
	for tries := 0; err == nil && len(open) > 0; tries++ {
		if err := pause(ctx, min(tries, 3)); err != nil {
			return 0, err
		}
		var left []string
		err = db.Raw(writing+` AND virtualtransaction IN ?`, open).Scan(&left).Error
		open = left
	}
	return highest, err
}

// Token implements [directory.Store].
func (s *Store) Token(ctx context.Context, id int64) (directory.Token, error) {
	var row store.Token
	err := s.read(ctx, func(db *gorm.DB) error { return db.Omit("hash").Take(&row, "id = ?", id).Error })
	return row.Token(), err
}

// Tokens implements [directory.Store].
func (s *Store) Tokens(ctx context.Context, user directory.UserID) ([]directory.Token, error) {
	var rows []store.Token
	err := s.read(ctx, func(db *gorm.DB) error {
		query := db.Omit("hash").Order("id")
		if user != 0 {
			query = query.Where("user_id = ?", user)
		}
		return query.Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return store.Tokens(rows), nil
}
