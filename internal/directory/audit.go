package directory

import "time"

// Event is one change, as the audit keeps it: names of fields, never their values.
type Event struct {
	At           time.Time
	ActorID      UserID // 0: the command line or the server itself
	TokenName    string // of the actor's token; "" where there was none
	TargetID     UserID // may be deleted since
	EnterpriseID string // of the target, before the change
	Operation    Operation
	Fields       []Field
	RequestID    string // "" for the command line
}

// event describes a change that the principal makes to the target.
func (p Principal) event(op Operation, at time.Time, target User, fields []Field) Event {
	return Event{
		At:           at,
		ActorID:      p.User.ID,
		TokenName:    p.Token.Name,
		TargetID:     target.ID,
		EnterpriseID: target.EnterpriseID,
		Operation:    op,
		Fields:       fields,
		RequestID:    p.RequestID,
	}
}
