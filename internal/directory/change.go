package directory

import (
	"slices"
	"time"
)

// Facts is what a change is decided on, as it stands in the unit that will carry it out.
type Facts struct {
	Actor        Principal
	Target       User   // zero where there is none, or none yet
	PasswordHash string // of the target; "": it has none
	// LastAdministrator tells whether the target is the only active administrator of its
	// enterprise. It is asked where it matters only: it takes time, which is seen.
	LastAdministrator func() (bool, error)
}

// Decide decides a change. It may be asked more than once: before a password is hashed,
// and in the unit.
type Decide func(Facts) (Change, error)

// Change is what an allowed request comes to. Without an event it is nothing, and
// nothing is written.
type Change struct {
	User         User      // as it will be; a number of 0 is given by the store
	Fields       []Field   // of a user who exists: the only ones to be written; none: the row stays as it is
	PasswordHash string    // meaningful if Fields has FieldPassword
	Delete       bool      // the user, with all tokens
	EndTokens    bool      // of the user: all but the one that is used and the operator's
	EndToken     int64     // the number of one token of the user; 0: none. CodeNotFound: it has ended
	Token        *NewToken // of the user; of log-in tokens, the newest MaxLogIns live on
	Event        *Event    // its target is the user
}

// allow is the policy's, asked by the actor at this time. CodeUnauthenticated: the actor's
// token has expired or its owner is not active. CodeReauthenticationRequired: the
// log-in is too old to change how oneself logs in.
func (f Facts) allow(now time.Time, op Operation, fields ...Field) error {
	if err := f.Actor.checkValid(now); err != nil {
		return err
	}
	if err := allow(op, f.Actor.User, f.Target, fields...); err != nil {
		return err
	}
	changesLogIn := slices.Contains(fields, FieldPassword) || slices.Contains(fields, FieldEmail)
	if changesLogIn && f.isSelf() && !f.Actor.fresh(now) {
		return &Error{Code: CodeReauthenticationRequired}
	}
	return nil
}

// isSelf reports whether the actor is the target.
func (f Facts) isSelf() bool { return f.Actor.User.ID == f.Target.ID }

// checkNotLast returns CodeLastAdministrator if the target is the last active administrator
// of its enterprise, and must not stop being one.
func (f Facts) checkNotLast(fields ...Field) error {
	last, err := f.LastAdministrator()
	if err == nil && last {
		err = &Error{Code: CodeLastAdministrator, Fields: fields}
	}
	return err
}

// checkNotSelfOrLast is checkNotLast for what nobody does to oneself either: CodeOwnAccount.
func (f Facts) checkNotSelfOrLast(fields ...Field) error {
	if f.isSelf() {
		return &Error{Code: CodeOwnAccount, Fields: fields}
	}
	return f.checkNotLast(fields...)
}

// event describes the change that the actor makes to the target.
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
