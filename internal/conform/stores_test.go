package conform_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"userapi/internal/directory"
)

// faultyStore makes a server wrong in ways in which no proxy can be wrong, because it knows neither the tokens of
// others nor the passwords.
type faultyStore struct {
	directory.Store

	// before changes what the server knows when it decides, and after what it has decided. They
	// return whether they have changed something.
	before func(facts *directory.Facts) bool
	after  func(facts directory.Facts, change *directory.Change) bool
	// principal changes what the server knows of a token.
	principal func(hash directory.TokenHash, p *directory.Principal, err *error) bool
	// account changes what the server knows of who logs in.
	account func(a *directory.Account) bool
	// lies lets some changes be answered without being made.
	lies func(change directory.Change) bool

	mutated func()
}

var errNotWritten = errors.New("this change was not written on purpose")

// Change implements directory.Store.
func (s *faultyStore) Change(ctx context.Context, p directory.Principal, id directory.UserID, decide directory.Decide) (directory.User, error) {
	var answered directory.User
	user, err := s.Store.Change(ctx, p, id, func(facts directory.Facts) (directory.Change, error) {
		changed := s.before != nil && s.before(&facts)
		change, err := decide(facts)
		if err != nil {
			return change, err
		}
		changed = s.after != nil && s.after(facts, &change) || changed
		if changed {
			s.mutated()
		}
		if s.lies != nil && s.lies(change) {
			s.mutated()
			answered = change.User
			return directory.Change{}, errNotWritten
		}
		return change, nil
	})
	if errors.Is(err, errNotWritten) {
		return answered, nil
	}
	return user, err
}

// Principal implements directory.Store.
func (s *faultyStore) Principal(ctx context.Context, hash directory.TokenHash) (directory.Principal, error) {
	p, err := s.Store.Principal(ctx, hash)
	if s.principal != nil && s.principal(hash, &p, &err) {
		s.mutated()
	}
	return p, err
}

// Account implements directory.Store.
func (s *faultyStore) Account(ctx context.Context, name directory.LogInName) (directory.Account, error) {
	a, err := s.Store.Account(ctx, name)
	if err == nil && s.account != nil && s.account(&a) {
		s.mutated()
	}
	return a, err
}

// afterChange is a store that changes what was decided.
func afterChange(change func(facts directory.Facts, change *directory.Change) bool) func() faultyStore {
	return func() faultyStore { return faultyStore{after: change} }
}

// onUpdate changes updates that set members.
func onUpdate(mutate func(target directory.User, change *directory.Change) bool) func() faultyStore {
	return afterChange(func(facts directory.Facts, change *directory.Change) bool {
		return change.Event != nil && change.Event.Operation == directory.OperationUpdateUser && mutate(facts.Target, change)
	})
}

func names(change *directory.Change, field directory.Field) bool {
	return slices.Contains(change.Fields, field)
}

// without returns the fields that are not this one.
func without(fields []directory.Field, unwanted directory.Field) []directory.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(field directory.Field) bool { return field == unwanted })
}

// does reports whether the change is of this operation.
func does(change *directory.Change, op directory.Operation) bool {
	return change.Event != nil && change.Event.Operation == op
}

// storeMutants are faults of the server itself.
var storeMutants = []mutant{
	{name: "a phone is ignored", store: onUpdate(func(target directory.User, change *directory.Change) bool {
		if !names(change, directory.FieldPhone) {
			return false
		}
		changed := change.User.Phone != target.Phone
		change.User.Phone, change.Fields = target.Phone, without(change.Fields, directory.FieldPhone)
		return changed
	})},
	{name: "null is taken for absent", store: onUpdate(func(target directory.User, change *directory.Change) bool {
		if !names(change, directory.FieldIsActive) || change.User.IsActive != nil {
			return false
		}
		change.User.IsActive, change.Fields = target.IsActive, without(change.Fields, directory.FieldIsActive)
		return target.IsActive != nil
	})},
	{name: "null is stored as false", store: onUpdate(func(_ directory.User, change *directory.Change) bool {
		if !names(change, directory.FieldIsActive) || change.User.IsActive != nil {
			return false
		}
		change.User.IsActive = new(bool)
		return true
	})},
	{name: "absent is taken for null", store: onUpdate(func(_ directory.User, change *directory.Change) bool {
		if names(change, directory.FieldIsActive) {
			return false
		}
		change.User.IsActive, change.Fields = nil, append(slices.Clone(change.Fields), directory.FieldIsActive)
		return true
	})},
	{name: "an update clears a phone that it does not name", store: onUpdate(func(target directory.User, change *directory.Change) bool {
		if names(change, directory.FieldPhone) {
			return false
		}
		change.User.Phone, change.Fields = "", append(slices.Clone(change.Fields), directory.FieldPhone)
		return target.Phone != ""
	})},
	{name: "a phone loses its spaces", store: onUpdate(func(_ directory.User, change *directory.Change) bool {
		before := change.User.Phone
		change.User.Phone = strings.TrimSpace(before)
		return before != change.User.Phone
	})},
	{name: "a user is created undecided", store: afterChange(func(_ directory.Facts, change *directory.Change) bool {
		if !does(change, directory.OperationCreateUser) || change.User.IsActive == nil {
			return false
		}
		change.User.IsActive = nil
		return true
	})},
	{name: "every tenth update is answered and not made", store: func() faultyStore {
		updates := 0
		return faultyStore{lies: func(change directory.Change) bool {
			if !does(&change, directory.OperationUpdateUser) {
				return false
			}
			updates++
			return updates%10 == 0
		}}
	}},
	{name: "a new password is not stored", store: afterChange(func(facts directory.Facts, change *directory.Change) bool {
		if !names(change, directory.FieldPassword) {
			return false
		}
		change.PasswordHash = facts.PasswordHash
		return true
	})},
	{name: "a new password ends no token", store: afterChange(func(_ directory.Facts, change *directory.Change) bool {
		if !names(change, directory.FieldPassword) {
			return false
		}
		change.EndTokens = false
		return true
	})},
	{name: "a token lives on after its log-out", store: afterChange(func(_ directory.Facts, change *directory.Change) bool {
		ends := change.EndToken != 0
		change.EndToken = 0
		return ends
	})},
	{name: "a token lives on for reads", store: func() faultyStore {
		var keeping sync.Mutex
		kept := map[directory.TokenHash]directory.Principal{}
		return faultyStore{principal: func(hash directory.TokenHash, p *directory.Principal, err *error) bool {
			keeping.Lock()
			defer keeping.Unlock()
			if *err == nil {
				kept[hash] = *p
				return false
			}
			before, found := kept[hash]
			if found {
				*p, *err = before, nil
			}
			return found
		}}
	}},
	{name: "a token comes back with its user", store: onUpdate(func(_ directory.User, change *directory.Change) bool {
		if !names(change, directory.FieldIsActive) || !change.EndTokens {
			return false
		}
		change.EndTokens = false
		return true
	})},
	{name: "a token of a user who is switched off lives on", store: func() faultyStore {
		active := true
		return faultyStore{
			after: func(_ directory.Facts, change *directory.Change) bool {
				if names(change, directory.FieldIsActive) && change.EndTokens {
					change.EndTokens = false
				}
				return false
			},
			before: func(facts *directory.Facts) bool {
				was := facts.Actor.User.Active()
				facts.Actor.User.IsActive = &active
				return !was
			},
			principal: func(_ directory.TokenHash, p *directory.Principal, err *error) bool {
				was := p.User.Active()
				p.User.IsActive = &active
				return *err == nil && !was
			},
		}
	}},
	{name: "a user who is undecided can log in", store: func() faultyStore {
		active := true
		return faultyStore{
			account: func(a *directory.Account) bool {
				undecided := a.User.IsActive == nil
				if undecided {
					a.User.IsActive = &active
				}
				return undecided
			},
			before: func(facts *directory.Facts) bool {
				if facts.Actor.HasToken() || facts.Target.ID == 0 || facts.Target.IsActive != nil {
					return false
				}
				facts.Target.IsActive = &active // Anonymous logs in
				return true
			},
		}
	}},
	{name: "an appointment is answered and not made", store: func() faultyStore {
		return faultyStore{lies: func(change directory.Change) bool { return does(&change, directory.OperationCreateAdministrator) }}
	}},
	{name: "a dismissal is answered and not made", store: func() faultyStore {
		return faultyStore{lies: func(change directory.Change) bool { return does(&change, directory.OperationDeleteAdministrator) }}
	}},
	{name: "a user is never deleted", store: func() faultyStore {
		return faultyStore{lies: func(change directory.Change) bool { return change.Delete }}
	}},
	{name: "an administrator keeps the role after a move", store: onUpdate(func(target directory.User, change *directory.Change) bool {
		if !names(change, directory.FieldRole) {
			return false
		}
		change.User.Role, change.Fields = target.Role, without(change.Fields, directory.FieldRole)
		return true
	})},
	{name: "the last administrator may go", store: func() faultyStore {
		return faultyStore{before: func(facts *directory.Facts) bool {
			isLast := facts.LastAdministrator
			if isLast == nil {
				return false
			}
			last, err := isLast()
			facts.LastAdministrator = func() (bool, error) { return false, nil }
			return last && err == nil
		}}
	}},
	{name: "administrators see all enterprises", store: func() faultyStore {
		return faultyStore{principal: func(_ directory.TokenHash, p *directory.Principal, _ *error) bool {
			was := p.User.Role == directory.RoleAdministrator
			if was {
				p.User.Role = directory.RoleSystemAdministrator
			}
			return was
		}}
	}},
}
