package directory

import "context"

// CreateAdministrator makes a user an administrator of this enterprise, which has to
// be the user's. Administrators may call it. CodeForbidden, CodeNotFound,
// CodeEnterpriseMismatch, CodeSystemAdministrator, CodeUnavailable.
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

// DeleteAdministrator makes an administrator a user without a role. Administrators may
// call it. CodeForbidden, CodeNotFound also for a user who is no administrator,
// CodeOwnAccount, CodeLastAdministrator, CodeUnavailable.
func (s *Service) DeleteAdministrator(ctx context.Context, p Principal, id UserID) error {
	_, err := s.Store.Change(ctx, p, id, func(facts Facts) (Change, error) {
		now := s.Now()
		if err := facts.allow(now, OperationDeleteAdministrator, FieldRole); err != nil {
			return Change{}, err
		}
		if facts.Target.Role != RoleAdministrator && !facts.isSelf() {
			return Change{}, &Error{Code: CodeNotFound}
		}
		if err := facts.checkNotSelfOrLast(); err != nil {
			return Change{}, err
		}
		return facts.changeRole(RoleUser, facts.event(OperationDeleteAdministrator, now, FieldRole)), nil
	})
	return err
}

// changeRole gives the target another role.
func (f Facts) changeRole(role Role, event *Event) Change {
	changed := f.Target
	changed.Role = role
	changed.Version++
	return Change{User: changed, Fields: []Field{FieldRole}, Event: event}
}
