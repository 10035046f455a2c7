// Package directory is the domain: users, who may do what to them, and the rules of a
// change. It knows neither HTTP nor SQL.
package directory

import (
	"context"
	"errors"
	"io"
	"time"
)

// Store keeps users, tokens and the audit. Each method that writes is one unit: all
// of it is on disk when it returns nil, none of it when it returns an error.
// Failures that a client can mend are *Error; everything else is ours.
type Store interface {
	// Principal returns the owner of a token, and the token. CodeUnauthenticated: no such token.
	Principal(ctx context.Context, hash TokenHash) (Principal, error)
	// User returns a user. CodeNotFound: none has this number.
	User(ctx context.Context, id UserID) (User, error)
	// Change reads the principal and the user with this number anew, asks the plan and
	// carries the change out; it returns the user as stored. With the number 0 it creates
	// a user. CodeUnauthenticated: the token has ended since. CodeNotFound: no such user.
	// CodeEmailTaken, CodeNickNameTaken, CodeUnavailable, and what the plan answers.
	Change(ctx context.Context, p Principal, id UserID, plan Plan) (User, error)
	// Start prepares the directory for a server, see Service.Start.
	Start(ctx context.Context, s Start) (Started, error)
	// CreateToken stores a token and returns its owner. CodeNotFound: no such user.
	CreateToken(ctx context.Context, t NewToken, event Event) (User, error)
	// Tokens lists tokens by number, of one user or, for 0, of all.
	Tokens(ctx context.Context, user UserID) ([]Token, error)
	// RevokeToken ends a token. CodeNotFound: no such token, or the operator's.
	RevokeToken(ctx context.Context, id int64, event Event) error
}

// Hasher hashes passwords, slowly on purpose.
type Hasher interface {
	// Hash waits for its turn until ctx ends.
	Hash(ctx context.Context, password string) (string, error)
}

// Service is the directory. All fields are needed.
type Service struct {
	Store  Store
	Hasher Hasher
	Now    func() time.Time
	Random io.Reader // cryptographically strong
}

// Authenticate returns who holds the token. Everyone may call it.
// CodeUnauthenticated: the token is unknown, ended or expired, or its owner is not active.
func (s *Service) Authenticate(ctx context.Context, secret string) (Principal, error) {
	p, err := s.Store.Principal(ctx, HashToken(secret))
	if err != nil {
		return Principal{}, err
	}
	return p, p.Valid(s.Now())
}

// User returns a user. System administrators and the user may call it.
// CodeNotFound: none has this number, or the principal may not see it.
func (s *Service) User(ctx context.Context, p Principal, id UserID) (User, error) {
	user, err := s.Store.User(ctx, id)
	if err != nil {
		return User{}, err
	}
	if err := Allow(OperationGetUser, p.User, user); err != nil {
		return User{}, err
	}
	return user, nil
}

// CreateUser creates a user. System administrators may call it.
// CodeForbidden, CodeEmailTaken, CodeNickNameTaken, CodeUnavailable.
func (s *Service) CreateUser(ctx context.Context, p Principal, n NewUser) (User, error) {
	c := Creation{User: n, Now: s.Now}
	// Hashing is expensive: it is done only for what would be allowed now. The unit decides again.
	if _, err := c.Plan(p, User{}); err != nil {
		return User{}, err
	}
	hash, err := s.Hasher.Hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	c.PasswordHash = hash
	return s.Store.Change(ctx, p, 0, c.Plan)
}

// UpdateUser changes the named members of a user and returns the user as stored.
// System administrators and the user may call it, within the policy.
// CodeNotFound, CodeForbidden, CodePreconditionFailed, CodeOwnAccount, CodeEmailTaken,
// CodeNickNameTaken, CodeUnavailable.
func (s *Service) UpdateUser(ctx context.Context, p Principal, id UserID, patch Patch, cond Condition) (User, error) {
	u := Update{Patch: patch, Condition: cond, Now: s.Now}
	if patch.Password.Set || len(patch.Fields()) == 0 {
		target, err := s.Store.User(ctx, id)
		if err != nil {
			return User{}, err
		}
		change, err := u.Plan(p, target)
		if err != nil || len(change.Fields) == 0 {
			return change.User, err
		}
		if u.PasswordHash, err = s.Hasher.Hash(ctx, patch.Password.Value); err != nil {
			return User{}, err
		}
	}
	user, err := s.Store.Change(ctx, p, id, u.Plan)
	if taken, ok := errors.AsType[*Error](err); ok && taken.Code == CodeNickNameTaken {
		// The name is taken in the enterprise that the user would move to.
		return User{}, &Error{Code: CodeNickNameTaken, Fields: []Field{FieldEnterpriseID}, Err: err}
	}
	return user, err
}
