package directory

import (
	"slices"
	"time"
)

// Facts is what a [Decide] function knows. Facts are up to date only in the unit that reads them.
type Facts struct {
	Actor        Principal
	Target       User   // zero: the user does not exist, or not yet
	PasswordHash string // of the target; "": no password
	// LastAdministrator reports whether the target is the only active administrator of an
	// enterprise that has other users. It runs a query, so call it only if the answer matters. It is nil if Target
	// is zero.
	LastAdministrator func() (bool, error)
}

// Decide returns the change to make, or an error if the change is not allowed. It may be
// called more than once for a request: before a password is hashed, and in the unit.
type Decide func(Facts) (Change, error)

// Change is what a unit writes. If Event is nil, the unit writes nothing.
type Change struct {
	User         User      // after the change; if ID is 0, the store creates the user
	Fields       []Field   // to write, if the user exists; none: the user stays as it is
	PasswordHash string    // the store writes it for a new user, or if Fields has FieldPassword
	Delete       bool      // deletes the user and all tokens of the user
	EndTokens    bool      // ends the user's tokens, except the actor's and the operator's
	EndToken     int64     // the number of one token of the user to end; 0: none
	Token        *NewToken // a new token of the user, see MaxLogIns; nil: none
	Event        *Event    // the store sets TargetID to the user's number
}

// allow returns nil if the actor may do op to the target now and set these fields. It fails
// with [CodeUnauthenticated] if the actor's token has expired or the actor is not active, then
// as the function allow does. Last, it fails with [CodeReauthenticationRequired] if the change
// needs a fresh log-in and the actor's is not fresh.
func (f Facts) allow(now time.Time, op Operation, fields ...Field) error {
	if err := f.Actor.checkValid(now); err != nil {
		return err
	}
	if err := allow(op, f.Actor.User, f.Target, fields...); err != nil {
		return err
	}
	if f.needsFreshLogIn(op, fields) && !f.Actor.fresh(now) {
		return &Error{Code: CodeReauthenticationRequired}
	}
	return nil
}

// needsFreshLogIn reports whether the change is one that a thief of a token would take an account
// over with, in one step or in several: a new password or address, an appointment, or a change
// to an administrator or a system administrator, except to one's own phone.
func (f Facts) needsFreshLogIn(op Operation, fields []Field) bool {
	privileged := f.Target.Role != RoleUser
	switch op {
	case OperationCreateAdministrator, OperationChangePassword, OperationChangeOwnPassword:
		return true
	case OperationDeleteAdministrator, OperationDeleteUser:
		return privileged
	case OperationUpdateUser:
		return slices.ContainsFunc(fields, func(field Field) bool {
			return field == FieldPassword || field == FieldEmail || privileged && (field != FieldPhone || !f.isSelf())
		})
	case OperationListUsers, OperationGetUser, OperationListUserEvents, OperationListAdministrators, // reads
		OperationCreateUser, OperationCreateAuthToken, OperationDeleteAuthToken, // these change no account that is there
		OperationCreateToken, OperationRevokeToken: // only the command line has these
	}
	return false
}

// isSelf reports whether the actor is the target.
func (f Facts) isSelf() bool { return f.Actor.User.ID == f.Target.ID }

// checkNotLast fails with [CodeLastAdministrator] and these fields if the target is the last
// active administrator of an enterprise that has other users.
func (f Facts) checkNotLast(fields ...Field) error {
	last, err := f.LastAdministrator()
	if err == nil && last {
		err = &Error{Code: CodeLastAdministrator, Fields: fields}
	}
	return err
}

// checkNotSelfOrLast fails with [CodeOwnAccount] and these fields if the target is the actor.
// Otherwise it does what checkNotLast does.
func (f Facts) checkNotSelfOrLast(fields ...Field) error {
	if f.isSelf() {
		return &Error{Code: CodeOwnAccount, Fields: fields}
	}
	return f.checkNotLast(fields...)
}

// event returns the event of a change that the actor makes to the target.
func (f Facts) event(op Operation, at time.Time, fields ...Field) *Event {
	return &Event{
		At:           at,
		ActorID:      f.Actor.User.ID,
		TokenName:    f.Actor.Token.Name,
		TargetID:     f.Target.ID,
		EnterpriseID: f.Target.EnterpriseID,
		Operation:    op,
		Fields:       fields,
		RequestID:    f.Actor.RequestID,
	}
}
