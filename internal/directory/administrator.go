package directory

import "context"

// CreateAdministrator makes a user an administrator of the user's enterprise. It changes
// nothing if the user is one already. Administrators and system administrators may call it.
// It fails with [CodeReauthenticationRequired] if the log-in is not fresh, with
// [CodeEnterpriseMismatch] if enterprise is not the user's, and with
// [CodeSystemAdministrator] if the user is a system administrator.
func (s *Service) CreateAdministrator(ctx context.Context, p Principal, id UserID, enterprise string) error {
	_, err := s.Store.Change(ctx, p, id, func(facts Facts) (Change, error) {
		now, actor := s.Now(), facts.Actor.User
		if err := facts.allow(now, OperationCreateAdministrator, FieldRole); err != nil {
			return Change{}, err
		}
		if err := allowInEnterprise(OperationCreateAdministrator, actor, enterprise, FieldEID); err != nil {
			return Change{}, err
		}
		switch {
		case facts.Target.EnterpriseID != enterprise:
			return Change{}, &Error{Code: CodeEnterpriseMismatch, Fields: []Field{FieldEID}}
		case facts.Target.Role == RoleSystemAdministrator:
			return Change{}, &Error{Code: CodeSystemAdministrator}
		case facts.Target.Role == RoleAdministrator:
			return Change{User: facts.Target}, nil
		}
		return facts.changeRole(RoleAdministrator, facts.event(OperationCreateAdministrator, now, FieldRole)), nil
	})
	return err
}

// DeleteAdministrator takes the role away from an administrator. Administrators and system
// administrators may call it. It fails with [CodeReauthenticationRequired] if the log-in is not
// fresh, with [CodeNotFound] also if the user is not an administrator, then with
// [CodePreconditionFailed] if cond does not hold, with [CodeOwnAccount] if the user is the
// principal, and with [CodeLastAdministrator] if the user is the last active administrator of an
// enterprise that has other users.
func (s *Service) DeleteAdministrator(ctx context.Context, p Principal, id UserID, cond Condition) error {
	_, err := s.Store.Change(ctx, p, id, func(facts Facts) (Change, error) {
		now := s.Now()
		if err := facts.allow(now, OperationDeleteAdministrator, FieldRole); err != nil {
			return Change{}, err
		}
		if facts.Target.Role != RoleAdministrator && !facts.isSelf() {
			return Change{}, &Error{Code: CodeNotFound}
		}
		if !cond.Holds(facts.Target.Version) {
			return Change{}, &Error{Code: CodePreconditionFailed}
		}
		if err := facts.checkNotSelfOrLast(); err != nil {
			return Change{}, err
		}
		return facts.changeRole(RoleUser, facts.event(OperationDeleteAdministrator, now, FieldRole)), nil
	})
	return err
}

// changeRole returns the change that gives the target another role.
func (f Facts) changeRole(role Role, event *Event) Change {
	changed := f.Target
	changed.Role = role
	changed.Version++
	return Change{User: changed, Fields: []Field{FieldRole}, Event: event}
}
