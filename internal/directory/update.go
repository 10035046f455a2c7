package directory

import (
	"context"
	"time"
)

// update is one request to change a user.
type update struct {
	Operation    Operation
	Patch        Patch
	PasswordHash string // of Patch.Password, if that is set
	Condition    Condition
	Now          func() time.Time // read in the unit
}

// decide is a Decide. It fails with CodeUnauthenticated, CodeNotFound, CodeForbidden,
// CodeReauthenticationRequired, CodePreconditionFailed, CodeOwnAccount or
// CodeLastAdministrator, in this order.
func (u update) decide(facts Facts) (Change, error) {
	now, target, fields := u.Now(), facts.Target, u.Patch.Fields()
	if err := facts.allow(now, u.Operation, fields...); err != nil {
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
	if deactivates {
		if err := facts.checkNotSelfOrLast(FieldIsActive); err != nil {
			return Change{}, err
		}
	}
	if changed.EnterpriseID != target.EnterpriseID && target.Role == RoleAdministrator {
		if err := facts.checkNotLast(FieldEnterpriseID); err != nil {
			return Change{}, err
		}
		changed.Role = RoleUser
		fields = append(fields, FieldRole)
	}
	changed.Version++
	return Change{
		User:         changed,
		Fields:       fields,
		PasswordHash: u.PasswordHash,
		EndTokens:    deactivates || u.Patch.Password.Set,
		Event:        facts.event(u.Operation, now, fields...),
	}, nil
}

// UpdateUser changes the named members of a user and returns the user as stored.
// Everyone may call it, within the policy. CodeNotFound, CodeForbidden,
// CodeReauthenticationRequired, CodePreconditionFailed, CodeOwnAccount,
// CodeLastAdministrator, CodeEmailTaken, CodeNickNameTaken, CodeUnavailable.
func (s *Service) UpdateUser(ctx context.Context, p Principal, id UserID, patch Patch, cond Condition) (User, error) {
	user, err := s.change(ctx, p, id, update{Operation: OperationUpdateUser, Patch: patch, Condition: cond})
	if IsCode(err, CodeNickNameTaken) {
		// The name is taken in the enterprise that the user would move to.
		return User{}, &Error{Code: CodeNickNameTaken, Fields: []Field{FieldEnterpriseID}, Err: err}
	}
	return user, err
}

// change carries out an update.
func (s *Service) change(ctx context.Context, p Principal, id UserID, u update) (User, error) {
	u.Now = s.Now
	if u.Patch.Password.Set || len(u.Patch.Fields()) == 0 {
		facts, err := s.Store.Facts(ctx, p, id)
		if err != nil {
			return User{}, err
		}
		// Hashing is expensive: it is done only for what would be allowed now. The unit decides again.
		change, err := u.decide(facts)
		if err != nil || change.Event == nil {
			return change.User, err
		}
		if u.PasswordHash, err = s.Hasher.Hash(ctx, u.Patch.Password.Value); err != nil {
			return User{}, err
		}
	}
	return s.Store.Change(ctx, p, id, u.decide)
}
