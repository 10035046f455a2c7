package sqlite

import (
	"context"
	"database/sql"
	"math"
	"strings"
	"time"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// Event is a row of events.
type Event struct {
	ID           int64 `gorm:"autoIncrement:false"` // SQLite assigns it; without the tag, GORM would read it back
	At           int64 // Unix time in microseconds
	ActorID      *int32
	TokenName    string
	TargetID     int32
	EnterpriseID string
	Operation    string
	Fields       string
	RequestID    string
}

var eventTable = mustTable[Event]()

func newEvent(e directory.Event) Event {
	names := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		names[i] = string(field)
	}
	row := Event{
		At:           e.At.UnixMicro(),
		TokenName:    e.TokenName,
		TargetID:     int32(e.TargetID),
		EnterpriseID: e.EnterpriseID,
		Operation:    string(e.Operation),
		Fields:       strings.Join(names, ","),
		RequestID:    e.RequestID,
	}
	if e.ActorID != 0 {
		actor := int32(e.ActorID)
		row.ActorID = &actor
	}
	return row
}

func insertEvent(tx session, e directory.Event) error {
	insert, err := tx.buildOnce("event", func(dry *gorm.DB) *gorm.DB {
		return dry.Model(&Event{}).Create(eventTable.placeholders(eventTable.all() &^ eventTable.set("id")))
	})
	if err != nil {
		return err
	}
	row := newEvent(e)
	arguments, err := eventTable.arguments(insert, &row)
	if err != nil {
		return err
	}
	return tx.prepared.exec(insert.text, arguments...)
}

func (row Event) event() directory.Event {
	e := directory.Event{
		ID:           row.ID,
		At:           time.UnixMicro(row.At).UTC(),
		TokenName:    row.TokenName,
		TargetID:     directory.UserID(row.TargetID),
		EnterpriseID: row.EnterpriseID,
		Operation:    directory.Operation(row.Operation),
		RequestID:    row.RequestID,
	}
	if row.ActorID != nil {
		e.ActorID = directory.UserID(*row.ActorID)
	}
	for name := range strings.SplitSeq(row.Fields, ",") {
		if name != "" {
			e.Fields = append(e.Fields, directory.Field(name))
		}
	}
	return e
}

// Events implements [directory.Store].
func (s *Store) Events(ctx context.Context, filter directory.EventFilter, page directory.Page) (events []directory.Event, total int64, err error) {
	defer s.finishRead(&err)
	db := s.readSession.withContext(ctx).gorm
	if filter.TargetID == 0 || filter.EnterpriseID != "" {
		rows, total, err := findPage[Event](selectEvents(db, filter, 0, math.MaxInt64, 0), page)
		return toEvents(rows), total, err
	}
	var rows []Event
	err = atOneMoment(db, func(tx *gorm.DB) error {
		count := tx.Raw("SELECT COUNT(*) FROM ("+selectEventIDs+")", sql.Named("target", filter.TargetID), sql.Named("after", 0))
		if err := count.Scan(&total).Error; err != nil || page.Offset() >= total {
			return err
		}
		return selectEvents(tx, filter, 0, page.Size, page.Offset()).Order("id").Find(&rows).Error
	})
	return toEvents(rows), total, err
}

// EventsAfter implements [directory.Store].
func (s *Store) EventsAfter(ctx context.Context, target directory.UserID, id int64, limit int) (events []directory.Event, err error) {
	defer s.finishRead(&err)
	var rows []Event
	query := selectEvents(s.readSession.withContext(ctx).gorm, directory.EventFilter{TargetID: target}, id, int64(limit), 0)
	err = query.Order("id").Limit(limit).Find(&rows).Error
	return toEvents(rows), err
}

// selectEvents selects the events with higher numbers than after. Limit and offset apply only
// if the filter names a target.
func selectEvents(db *gorm.DB, filter directory.EventFilter, after, limit, offset int64) *gorm.DB {
	query := db.Model(&Event{})
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

func toEvents(rows []Event) []directory.Event {
	converted := make([]directory.Event, len(rows))
	for i, row := range rows {
		converted[i] = row.event()
	}
	return converted
}
