package directory

import (
	"context"
	"time"
)

// Event is the audit's record of one change. It has the names of fields, never their values.
type Event struct {
	ID           int64 // the store sets it
	At           time.Time
	ActorID      UserID // 0: the command line or the server
	TokenName    string // of the actor's token; "": no token
	TargetID     UserID // may have been deleted since
	EnterpriseID string // of the target, before the change
	Operation    Operation
	Fields       []Field
	RequestID    string // "": the command line or the server
}

// EventFilter selects events. The zero EventFilter selects all events.
type EventFilter struct {
	TargetID     UserID // 0: all
	EnterpriseID string // "": all
}

// UserEvents returns one page of a user's events, oldest first, and how many events there are
// on all pages. Administrators and system administrators may call it. Administrators get the
// events from when the user was in their enterprise, and the names of tokens only of those whom
// they can see. System administrators get all events, including those of users who were deleted.
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
		return nil, 0, &Error{Code: CodeNotFound} // this user never existed
	}
	if err != nil || everyone {
		return events, total, err
	}
	return events, total, s.hideTokenNames(ctx, p, events)
}

// hideTokenNames removes the names of the tokens of those whom the principal cannot see: a name
// may say what somebody else uses the token for.
func (s *Service) hideTokenNames(ctx context.Context, p Principal, events []Event) error {
	visible := map[UserID]bool{}
	for i, event := range events {
		if _, known := visible[event.ActorID]; !known && event.TokenName != "" {
			actor, err := s.findTarget(ctx, event.ActorID)
			if err != nil {
				return err
			}
			visible[event.ActorID] = actor.ID != 0 && visibility[p.User.Role].includes(p.User, actor)
		}
		if !visible[event.ActorID] {
			events[i].TokenName = ""
		}
	}
	return nil
}

// RemoveEvents removes a few of the events that are older than keep, oldest first, and returns how many. 0 means that there
// is nothing to do now. The newest event always stays.
func (s *Service) RemoveEvents(ctx context.Context, keep time.Duration) (int, error) {
	return s.Store.RemoveEvents(ctx, s.Now().Add(-keep))
}

// EventsAfter returns up to limit events whose number is higher than id, oldest first. It
// returns fewer than limit only if there are no more. A user of 0 stands for all users. It is
// for the command line.
func (s *Service) EventsAfter(ctx context.Context, user UserID, id int64, limit int) ([]Event, error) {
	return s.Store.EventsAfter(ctx, user, id, limit)
}
