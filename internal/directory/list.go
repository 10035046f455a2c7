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

// listFilter returns the filter that selects the users in the scope of the actor's rule. It
// fails with [CodeForbidden] if the actor's role never has the operation.
func listFilter(op Operation, actor User) (UserFilter, error) {
	if err := checkRole(op, actor); err != nil {
		return UserFilter{}, err
	}
	switch policy[op][actor.Role].Scope {
	case ScopeEveryone:
		return UserFilter{Roles: Roles()}, nil
	case ScopeEnterprise:
		return UserFilter{EnterpriseID: actor.EnterpriseID, Roles: []Role{RoleUser, RoleAdministrator}}, nil
	case ScopeNobody, ScopeOneself:
	}
	return UserFilter{}, nil
}

// Users returns one page of the users whom the principal can see and who have the text, in
// the order of their numbers, and how many there are on all pages. A text of "" selects all.
// Administrators and system administrators may call it.
func (s *Service) Users(ctx context.Context, p Principal, text string, page Page) ([]User, int64, error) {
	filter, err := listFilter(OperationListUsers, p.User)
	if err != nil {
		return nil, 0, err
	}
	filter.Text = text
	return s.Store.Users(ctx, filter, page)
}

// Administrators returns one page of the administrators of an enterprise, as [Service.Users]
// does. An enterprise of "" stands for all that the principal can see. Administrators and
// system administrators may call it. It fails with [CodeForbidden] also if the enterprise is
// not in the scope of the principal's rule.
func (s *Service) Administrators(ctx context.Context, p Principal, enterprise string, page Page) ([]User, int64, error) {
	filter, err := listFilter(OperationListAdministrators, p.User)
	if err != nil {
		return nil, 0, err
	}
	filter.Roles = []Role{RoleAdministrator}
	if enterprise != "" {
		if err := allowInEnterprise(OperationListAdministrators, p.User, enterprise); err != nil {
			return nil, 0, err
		}
		filter.EnterpriseID = enterprise
	}
	return s.Store.Users(ctx, filter, page)
}
