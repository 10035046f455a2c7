package directory

import (
	"context"
	"time"
)

// Update is one request to change a user.
type Update struct {
	Operation    Operation
	Patch        Patch
	PasswordHash string // of Patch.Password, if that is set
	Condition    Condition
	Now          func() time.Time // read in the unit
}

// Plan is a Plan. It fails with CodeUnauthenticated, CodeNotFound, CodeForbidden,
// CodeReauthenticationRequired, CodePreconditionFailed, CodeOwnAccount or
// CodeLastAdministrator, in this order.
func (u Update) Plan(facts Facts) (Change, error) {
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
		if err := facts.leavesOther(FieldIsActive); err != nil {
			return Change{}, err
		}
	}
	if changed.EnterpriseID != target.EnterpriseID && target.Role == RoleAdministrator {
		if err := facts.leaves(FieldEnterpriseID); err != nil {
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
	user, err := s.update(ctx, p, id, Update{Operation: OperationUpdateUser, Patch: patch, Condition: cond})
	if isCode(err, CodeNickNameTaken) {
		// The name is taken in the enterprise that the user would move to.
		return User{}, &Error{Code: CodeNickNameTaken, Fields: []Field{FieldEnterpriseID}, Err: err}
	}
	return user, err
}

// ChangePassword gives a user a new password. Administrators and the command line may
// call it. CodeNotFound, CodeForbidden, CodeReauthenticationRequired, CodeUnavailable.
func (s *Service) ChangePassword(ctx context.Context, p Principal, id UserID, password string) error {
	_, err := s.update(ctx, p, id, Update{Operation: OperationChangePassword, Patch: Patch{Password: Some(password)}})
	return err
}

// ChangeOwnPassword gives the principal a new password.
// CodeReauthenticationRequired, CodeUnavailable.
func (s *Service) ChangeOwnPassword(ctx context.Context, p Principal, password string) error {
	_, err := s.update(ctx, p, p.User.ID, Update{Operation: OperationChangeOwnPassword, Patch: Patch{Password: Some(password)}})
	return err
}

// unasked stands for what only the unit finds out.
func unasked() (bool, error) { return false, nil }

func (s *Service) update(ctx context.Context, p Principal, id UserID, u Update) (User, error) {
	u.Now = s.Now
	if u.Patch.Password.Set || len(u.Patch.Fields()) == 0 {
		target, err := s.Store.User(ctx, id)
		if err != nil {
			return User{}, err
		}
		// Hashing is expensive: it is done only for what would be allowed now. The unit decides again.
		change, err := u.Plan(Facts{Actor: p, Target: target, LastAdministrator: unasked})
		if err != nil || change.Event == nil {
			return change.User, err
		}
		if u.PasswordHash, err = s.Hasher.Hash(ctx, u.Patch.Password.Value); err != nil {
			return User{}, err
		}
	}
	return s.Store.Change(ctx, p, id, u.Plan)
}
