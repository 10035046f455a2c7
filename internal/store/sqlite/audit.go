package sqlite

import (
	"context"
	"database/sql"
	"math"

	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

var eventTable = mustTable[store.Event]()

func insertEvent(tx session, e directory.Event) error {
	insert, err := tx.buildOnce("event", func(dry *gorm.DB) *gorm.DB {
		return dry.Model(&store.Event{}).Create(eventTable.placeholders(eventTable.all() &^ eventTable.set("id")))
	})
	if err != nil {
		return err
	}
	row := store.NewEvent(e)
	arguments, err := eventTable.arguments(insert, &row)
	if err != nil {
		return err
	}
	return tx.prepared.exec(insert.text, arguments...)
}

// Events implements [directory.Store].
func (s *Store) Events(ctx context.Context, filter directory.EventFilter, page directory.Page) (events []directory.Event, total int64, err error) {
	defer s.finishRead(&err)
	db := s.readSession.withContext(ctx).gorm
	if filter.TargetID == 0 || filter.EnterpriseID != "" {
		rows, total, err := findPage[store.Event](selectEvents(db, filter, 0, math.MaxInt64, 0), page)
		return store.Events(rows), total, err
	}
	var rows []store.Event
	err = atOneMoment(db, func(tx *gorm.DB) error {
		count := tx.Raw("SELECT COUNT(*) FROM ("+selectEventIDs+")", sql.Named("target", filter.TargetID), sql.Named("after", 0))
		if err := count.Scan(&total).Error; err != nil || page.Offset() >= total {
			return err
		}
		return selectEvents(tx, filter, 0, page.Size, page.Offset()).Order("id").Find(&rows).Error
	})
	return store.Events(rows), total, err
}

// EventsAfter implements [directory.Store].
func (s *Store) EventsAfter(ctx context.Context, target directory.UserID, id int64, limit int) (events []directory.Event, err error) {
	defer s.finishRead(&err)
	var rows []store.Event
	query := selectEvents(s.readSession.withContext(ctx).gorm, directory.EventFilter{TargetID: target}, id, int64(limit), 0)
	err = query.Order("id").Limit(limit).Find(&rows).Error
	return store.Events(rows), err
}

// selectEvents selects the events with higher numbers than after. Limit and offset apply only
// if the filter names a target.
func selectEvents(db *gorm.DB, filter directory.EventFilter, after, limit, offset int64) *gorm.DB {
	query := db.Model(&store.Event{})
	if filter.TargetID != 0 {
		query = query.Where("id IN ("+selectEventIDs+" ORDER BY 1 LIMIT @limit OFFSET @offset)",
			sql.Named("target", filter.TargetID), sql.Named("after", after), sql.Named("limit", limit), sql.Named("offset", offset))
	} else {
		query = query.Where("id > ?", after)
	}
	if filter.EnterpriseID != "" {
		query = query.Where("enterprise_id = ?", filter.EnterpriseID)
	}
	return query
}
