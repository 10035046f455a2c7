package directory

import "context"

// DeleteUser deletes a user and the user's tokens for good. The audit keeps the user's events.
// Administrators and system administrators may call it. It fails with
// [CodeReauthenticationRequired] if the user is an administrator or a system administrator and the
// log-in is not fresh, then with [CodePreconditionFailed] if cond does not hold, with
// [CodeOwnAccount] if the user is the principal, and with [CodeLastAdministrator] if the user is
// the last active administrator of an enterprise that has other users.
func (s *Service) DeleteUser(ctx context.Context, p Principal, id UserID, cond Condition) error {
	_, err := s.Store.Change(ctx, p, id, func(facts Facts) (Change, error) {
		now := s.Now()
		if err := facts.allow(now, OperationDeleteUser); err != nil {
			return Change{}, err
		}
		if !cond.Holds(facts.Target.Version) {
			return Change{}, &Error{Code: CodePreconditionFailed}
		}
		if err := facts.checkNotSelfOrLast(); err != nil {
			return Change{}, err
		}
		return Change{User: facts.Target, Delete: true, Event: facts.event(OperationDeleteUser, now)}, nil
	})
	return err
}
