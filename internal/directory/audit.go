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
	target, err := s.Store.User(ctx, id)
	rule, _ := RuleOf(OperationListUserEvents, p.User.Role)
	deleted := rule.Scope == ScopeEveryone && isCode(err, CodeNotFound)
	if deleted {
		target, err = User{ID: id}, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if err := Allow(OperationListUserEvents, p.User, target); err != nil {
		return nil, 0, err
	}
	filter := EventFilter{TargetID: id, EnterpriseID: rule.Scope.filter(p.User).EnterpriseID}
	events, total, err := s.Store.Events(ctx, filter, page)
	if err == nil && deleted && total == 0 {
		return nil, 0, &Error{Code: CodeNotFound}
	}
	return events, total, err
}

// Events lists all changes, the oldest first, for the command line.
func (s *Service) Events(ctx context.Context, page Page) ([]Event, int64, error) {
	return s.Store.Events(ctx, EventFilter{}, page)
}
