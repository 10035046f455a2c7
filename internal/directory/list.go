package directory

import "context"

// Page selects a part of a list.
type Page struct {
	Number int64 // from 1
	Size   int64 // entries on a page, 1 or more
}

// Offset returns how many entries come before the page.
func (p Page) Offset() int64 { return (p.Number - 1) * p.Size }

// UserFilter selects users. The zero UserFilter selects no users.
type UserFilter struct {
	EnterpriseID string // "": every enterprise
	Roles        []Role // empty: no users
	Text         string // part of the name, e-mail address or phone, in any letter case; "": any
}

// listFilter returns the filter that selects the users of an enterprise who are in the scope of
// the actor's rule. An enterprise of "" stands for the whole scope. It fails with
// [CodeForbidden] if the actor's role never has the operation, or the enterprise is not in the
// scope.
func listFilter(op Operation, actor User, enterprise string) (filter UserFilter, err error) {
	if err := checkRole(op, actor); err != nil {
		return UserFilter{}, err
	}
	switch policy[op][actor.Role].Scope {
	case ScopeEveryone:
		filter.Roles = Roles()
	case ScopeEnterprise:
		filter = UserFilter{EnterpriseID: actor.EnterpriseID, Roles: []Role{RoleUser, RoleAdministrator}}
	case ScopeNobody, ScopeOneself:
	}
	if enterprise != "" {
		err = allowInEnterprise(op, actor, enterprise)
		filter.EnterpriseID = enterprise
	}
	return filter, err
}

// Users returns one page of the users whom the principal can see and who have the text, in
// the order of their numbers, and how many there are on all pages. A text of "" selects all.
// Administrators and system administrators may call it. A search for a text looks at every user, so the
// searches of one enterprise run one after the other, and its users take turns.
func (s *Service) Users(ctx context.Context, p Principal, text string, page Page) ([]User, int64, error) {
	filter, err := listFilter(OperationListUsers, p.User, "")
	if err != nil {
		return nil, 0, err
	}
	if filter.Text = text; text != "" {
		leave, err := enter(ctx, s.Searching, RefusalSearchQueue, Turn{Keys: []string{p.User.EnterpriseID, p.User.ID.String()}, Alone: p.User.EnterpriseID})
		if err != nil {
			return nil, 0, err
		}
		defer leave()
	}
	return s.Store.Users(ctx, filter, page)
}

// UsersAfter returns up to limit users of an enterprise whom the principal can see and whose
// number is higher than id, in the order of their numbers. It returns fewer than limit only if
// there are no more. An enterprise of "" stands for all that the principal can see. Whoever
// reads on after the last number misses nobody, even if users are deleted meanwhile.
func (s *Service) UsersAfter(ctx context.Context, p Principal, enterprise string, id UserID, limit int) ([]User, error) {
	filter, err := listFilter(OperationListUsers, p.User, enterprise)
	if err != nil {
		return nil, err
	}
	return s.Store.UsersAfter(ctx, filter, id, limit)
}

// Administrators returns one page of the administrators of an enterprise, as [Service.Users]
// does. An enterprise of "" stands for all that the principal can see. Administrators and
// system administrators may call it. It fails with [CodeForbidden] also if the enterprise is
// not in the scope of the principal's rule.
func (s *Service) Administrators(ctx context.Context, p Principal, enterprise string, page Page) ([]User, int64, error) {
	filter, err := listFilter(OperationListAdministrators, p.User, enterprise)
	if err != nil {
		return nil, 0, err
	}
	filter.Roles = []Role{RoleAdministrator}
	return s.Store.Users(ctx, filter, page)
}
