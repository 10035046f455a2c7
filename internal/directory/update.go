package directory

import "time"

// Update is one request to change a user.
type Update struct {
	Principal    Principal
	ID           UserID
	Patch        Patch
	PasswordHash string // set if Patch.Password is; the patch itself then has no password any more
	Condition    Condition
	Now          func() time.Time // read in the unit
}

// Change is what an allowed update comes to.
type Change struct {
	User         User    // as it will be
	Fields       []Field // the only ones to be written; none: nothing is, no version, no event
	PasswordHash string  // meaningful if Fields has FieldPassword
	EndTokens    TokenScope
	Event        Event
}

// Plan decides the update on the actor and the target as they stand in the unit that
// will carry it out. It fails with CodeUnauthenticated, CodeNotFound, CodeForbidden,
// CodePreconditionFailed or CodeOwnAccount, in this order.
func (u Update) Plan(actor Principal, target User) (Change, error) {
	now := u.Now()
	if err := actor.Valid(now); err != nil {
		return Change{}, err
	}
	fields := u.Patch.Fields()
	if err := Allow(OperationUpdateUser, actor.User, target.ID, fields...); err != nil {
		return Change{}, err
	}
	if !u.Condition.Holds(target.Version) {
		return Change{}, &Error{Code: CodePreconditionFailed}
	}
	if len(fields) == 0 {
		return Change{User: target}, nil
	}
	changed := u.Patch.apply(target)
	deactivates := u.Patch.IsActive.Set && !changed.Active()
	own := actor.User.ID == target.ID
	if own && deactivates {
		return Change{}, &Error{Code: CodeOwnAccount, Fields: []Field{FieldIsActive}}
	}
	changed.Version++
	change := Change{
		User:         changed,
		Fields:       fields,
		PasswordHash: u.PasswordHash,
		Event:        actor.event(OperationUpdateUser, now, target, fields),
	}
	switch {
	case deactivates:
		change.EndTokens = TokensAll
	case u.Patch.Password.Set:
		change.EndTokens = TokensOthers
	}
	return change, nil
}
