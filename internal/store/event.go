package store

import (
	"strings"
	"time"

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

// NewEvent returns the row of an event without its number.
func NewEvent(e directory.Event) Event {
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

// Event returns the event in the row.
func (row Event) Event() directory.Event {
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
