// Package directory is the domain: users, who may do what to them, and the rules of a
// change. It knows neither HTTP nor SQL.
package directory

import (
	"context"
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
	// Account returns a user and the password's hash. CodeNotFound: none has this name.
	Account(ctx context.Context, name LogInName) (Account, error)
	// Users lists users by number, and counts them all. Both are of the same moment.
	Users(ctx context.Context, filter UserFilter, page Page) (users []User, total int64, err error)
	// Events lists events by number, and counts them all. Both are of the same moment.
	Events(ctx context.Context, filter EventFilter, page Page) (events []Event, total int64, err error)
	// EventsAfter lists the events of a target or, for 0, of all that have higher numbers
	// than id, by number: limit of them, or all if there are fewer.
	EventsAfter(ctx context.Context, target UserID, id int64, limit int) ([]Event, error)
	// Facts reads the facts about the principal and the user with this number, who need
	// not exist; 0 is for a user to be created. CodeUnauthenticated: the token has ended since.
	Facts(ctx context.Context, p Principal, id UserID) (Facts, error)
	// Change reads the facts, asks decide and carries the change out; it returns the
	// user as stored. CodeUnauthenticated, CodeEmailTaken, CodeNickNameTaken,
	// CodeUnavailable, and what decide answers.
	Change(ctx context.Context, p Principal, id UserID, decide Decide) (User, error)
	// Start prepares the directory for a server, see Service.Start.
	Start(ctx context.Context, s Start) (Started, error)
	// Token returns a token. CodeNotFound: none has this number.
	Token(ctx context.Context, id int64) (Token, error)
	// Tokens lists tokens by number, of one user or, for 0, of all.
	Tokens(ctx context.Context, user UserID) ([]Token, error)
}

// Hasher hashes passwords, slowly on purpose. Both methods wait for their turn until ctx
// ends. CodeUnavailable: too many wait.
type Hasher interface {
	Hash(ctx context.Context, password string) (hash string, err error)
	// Verify reports whether the hash is the password's. With "" as the hash it works
	// as long, for nothing.
	Verify(ctx context.Context, password, hash string) (bool, error)
}

// Service is the directory. All fields are needed.
type Service struct {
	Store         Store
	Hasher        Hasher
	Now           func() time.Time
	Random        io.Reader     // cryptographically strong
	TokenLife     time.Duration // of a log-in token
	LoginThrottle *LoginThrottle
}

// Authenticate returns who holds the token. Everyone may call it.
// CodeUnauthenticated: the token is unknown, ended or expired, or its owner is not active.
func (s *Service) Authenticate(ctx context.Context, secret string) (Principal, error) {
	p, err := s.Store.Principal(ctx, hashToken(secret))
	if err != nil {
		return Principal{}, err
	}
	return p, p.checkValid(s.Now())
}

// User returns a user. Everyone may call it, within the policy.
// CodeNotFound: none has this number, or the principal may not see it.
func (s *Service) User(ctx context.Context, p Principal, id UserID) (User, error) {
	user, err := s.findTarget(ctx, id)
	if err != nil {
		return User{}, err
	}
	if err := allow(OperationGetUser, p.User, user); err != nil {
		return User{}, err
	}
	return user, nil
}

// findTarget returns a user, the zero User for one who does not exist: the policy says what
// that is answered.
func (s *Service) findTarget(ctx context.Context, id UserID) (User, error) {
	user, err := s.Store.User(ctx, id)
	if IsCode(err, CodeNotFound) {
		return User{}, nil
	}
	return user, err
}
