package directory

import "time"

// Update is one request to change a user.
type Update struct {
	Patch        Patch
	PasswordHash string // of Patch.Password, if that is set
	Condition    Condition
	Now          func() time.Time // read in the unit
}

// Plan is a Plan. It fails with CodeUnauthenticated, CodeNotFound, CodeForbidden,
// CodePreconditionFailed or CodeOwnAccount, in this order.
func (u Update) Plan(actor Principal, target User) (Change, error) {
	now := u.Now()
	if err := actor.Valid(now); err != nil {
		return Change{}, err
	}
	fields := u.Patch.Fields()
	if err := Allow(OperationUpdateUser, actor.User, target, fields...); err != nil {
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
	if deactivates && actor.User.ID == target.ID {
		return Change{}, &Error{Code: CodeOwnAccount, Fields: []Field{FieldIsActive}}
	}
	changed.Version++
	return Change{
		User:         changed,
		Fields:       fields,
		PasswordHash: u.PasswordHash,
		EndTokens:    deactivates || u.Patch.Password.Set,
		Event:        actor.event(OperationUpdateUser, now, target, fields),
	}, nil
}
