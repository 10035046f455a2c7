package directory

import (
	"context"
	"slices"
	"time"
)

// update is one request to change a user. Its decide method is a [Decide].
type update struct {
	Operation    Operation
	Patch        Patch
	PasswordHash string // of Patch.Password, if it is set
	Condition    Condition
	Now          func() time.Time // called for each decision
}

// decide fails as Facts.allow does. Then it fails with [CodePreconditionFailed],
// [CodeOwnAccount] or [CodeLastAdministrator], in this order.
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
		changed.Role = RoleUser // an administrator does not keep the role after a move
		fields = append(fields, FieldRole)
	}
	written := slices.Clip(fields)
	if changed.EnterpriseID != target.EnterpriseID {
		written = append(written, FieldNickName) // the name stays, and must be unique in the new enterprise
	}
	changed.Version++
	return Change{
		User:         changed,
		Fields:       written,
		PasswordHash: u.PasswordHash,
		EndTokens:    deactivates || u.Patch.Password.Set,
		Event:        facts.event(u.Operation, now, fields...),
	}, nil
}

// UpdateUser changes the fields of a user that patch sets, and returns the user as stored. If
// it sets a password, or IsActive to false or nil, the user's tokens end, except the
// principal's and the operator's. Every user may call it. It fails with [CodeTooManyRequests] if the patch
// has an e-mail address and too many that the principal has named were taken, before it looks at the user.
// Then it fails in this order:
//
//   - with [CodeReauthenticationRequired] if the patch has a password or an e-mail address, or the
//     user is an administrator or a system administrator and the change is not only that of the
//     principal's own phone, and the log-in is not fresh,
//   - with [CodePreconditionFailed] if cond does not hold,
//   - with [CodeOwnAccount] if the principal would deactivate themselves,
//   - with [CodeLastAdministrator] if the change would deactivate or move the last active
//     administrator of an enterprise that has other users,
//   - with [CodeEmailTaken] if another user has the e-mail address, or [CodeNickNameTaken] if
//     another user of the new enterprise has the user's name.
func (s *Service) UpdateUser(ctx context.Context, p Principal, id UserID, patch Patch, cond Condition) (User, error) {
	user, err := s.change(ctx, p, id, update{Operation: OperationUpdateUser, Patch: patch, Condition: cond})
	if IsCode(err, CodeNickNameTaken) {
		// An update cannot change the name, so it is taken in the new enterprise.
		return User{}, &Error{Code: CodeNickNameTaken, Fields: []Field{FieldEnterpriseID}, Err: err}
	}
	return user, err
}

// change runs the update. An empty patch writes nothing, so it needs no unit.
func (s *Service) change(ctx context.Context, p Principal, id UserID, u update) (User, error) {
	u.Now = s.Now
	limits := takenLimits(p, u.Patch.Email.Set)
	if u.Patch.Password.Set || len(u.Patch.Fields()) == 0 {
		if _, err := s.checkFailures(ctx, limits); err != nil {
			return User{}, err
		}
		facts, err := s.Store.Facts(ctx, p, id)
		if err != nil {
			return User{}, err
		}
		// Hashing is expensive, so decide first whether the change is allowed. The unit decides
		// again.
		change, err := u.decide(facts)
		if err != nil || change.Event == nil {
			return change.User, err
		}
		if u.PasswordHash, err = s.hash(ctx, p, u.Patch.Password.Value); err != nil {
			return User{}, err
		}
	}
	return s.changeWithin(ctx, limits, p, id, u.decide)
}
