package store

import (
	"strings"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// Event is a row of events, the audit.
type Event struct {
	ID           int64
	At           int64 // Unix time in microseconds
	ActorID      *int32
	TokenName    string
	TargetID     int32
	EnterpriseID string
	Operation    string
	Fields       string
	RequestID    string
}

func insertEvent(tx *gorm.DB, e directory.Event) error {
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
	return tx.Create(&row).Error
}
