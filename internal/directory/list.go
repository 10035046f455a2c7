package directory

import "context"

// Page is a part of a list.
type Page struct {
	Number int64 // from 1
	Size   int64 // 1 or more
}

// Offset is how many come before the page.
func (p Page) Offset() int64 { return (p.Number - 1) * p.Size }

// UserFilter selects users. The zero UserFilter selects none.
type UserFilter struct {
	EnterpriseID string // "": all
	Roles        []Role
	Text         string // in a name, an e-mail address or a phone, in any letter case; "": any
}

// listFilter selects what the actor sees in a list. CodeForbidden: the role never has it.
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

// Users lists the users that the principal may see and that have this text, in the order
// of their numbers, and counts them all. Administrators may call it. CodeForbidden.
func (s *Service) Users(ctx context.Context, p Principal, text string, page Page) ([]User, int64, error) {
	filter, err := listFilter(OperationListUsers, p.User)
	if err != nil {
		return nil, 0, err
	}
	filter.Text = text
	return s.Store.Users(ctx, filter, page)
}

// Administrators lists the administrators of an enterprise or, for "", of all that the
// principal may see, as Users does. Administrators may call it. CodeForbidden.
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
