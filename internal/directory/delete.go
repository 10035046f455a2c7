package directory

import "context"

// DeleteUser deletes a user, for good. Administrators may call it.
// CodeNotFound, CodeForbidden, CodePreconditionFailed, CodeOwnAccount,
// CodeLastAdministrator, CodeUnavailable, in this order.
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
