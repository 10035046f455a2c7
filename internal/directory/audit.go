package directory

import (
	"context"
	"time"
)

// Event is one change, as the audit keeps it: names of fields, never their values.
type Event struct {
	ID           int64 // given by the store
	At           time.Time
	ActorID      UserID // 0: the command line or the server itself
	TokenName    string // of the actor's token; "" where there was none
	TargetID     UserID // may be deleted since
	EnterpriseID string // of the target, before the change
	Operation    Operation
	Fields       []Field
	RequestID    string // "" for the command line and the server itself
}

// EventFilter selects events. The zero EventFilter selects all.
type EventFilter struct {
	TargetID     UserID // 0: all
	EnterpriseID string // "": all
}

// UserEvents lists the changes of a user, the oldest first, and counts them all.
// Administrators may call it. CodeNotFound: none has this number, or the principal may
// not see it; who sees everyone sees also those who are deleted. CodeForbidden.
func (s *Service) UserEvents(ctx context.Context, p Principal, id UserID, page Page) ([]Event, int64, error) {
	target, err := s.findTarget(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	everyone := policy[OperationListUserEvents][p.User.Role].Scope == ScopeEveryone
	deleted := everyone && target.ID == 0
	if deleted {
		target.ID = id
	}
	if err := allow(OperationListUserEvents, p.User, target); err != nil {
		return nil, 0, err
	}
	filter := EventFilter{TargetID: id}
	if !everyone {
		filter.EnterpriseID = p.User.EnterpriseID
	}
	events, total, err := s.Store.Events(ctx, filter, page)
	if err == nil && deleted && total == 0 {
		return nil, 0, &Error{Code: CodeNotFound} // there never was one
	}
	return events, total, err
}

// EventsAfter lists the changes after the one with the number id, the oldest first, for
// the command line: of a user or, for 0, of all. There are limit of them unless they are the last.
func (s *Service) EventsAfter(ctx context.Context, user UserID, id int64, limit int) ([]Event, error) {
	return s.Store.EventsAfter(ctx, user, id, limit)
}
