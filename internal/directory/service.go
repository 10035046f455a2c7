package directory

import (
	"context"
	"errors"
	"io"
	"time"
)

// Store keeps users, tokens and the audit. A method that writes is one unit: when it returns
// nil, all of its changes are on disk, and when it returns an error, none are made. A failure
// that a client can act on is an [*Error] with one of the codes below. Any method may also fail
// with [CodeUnavailable] if the database is busy, or with the error of ctx. Every other error is
// a fault of the server.
type Store interface {
	// Principal returns a token and its owner. It fails with [CodeUnauthenticated] if there is
	// no token with this hash.
	Principal(ctx context.Context, hash TokenHash) (Principal, error)
	// User returns a user. It fails with [CodeNotFound] if no user has this number.
	User(ctx context.Context, id UserID) (User, error)
	// Account returns a user and the password's hash. If the name differs from those of two
	// users in letter case or width, it returns the one whose [FoldCase] is the name's: one of
	// them keeps a name from before names were unique in any width. It fails with
	// [CodeNotFound] if no user has this name.
	Account(ctx context.Context, name LogInName) (Account, error)
	// Users returns one page of users in the order of their numbers, and how many users the
	// filter selects. Both are read at the same moment. It has no further codes.
	Users(ctx context.Context, filter UserFilter, page Page) (users []User, total int64, err error)
	// UsersAfter returns up to limit users whose number is higher than id, in the order of
	// their numbers. It returns fewer than limit only if there are no more. It ignores the
	// filter's text. It has no further codes.
	UsersAfter(ctx context.Context, filter UserFilter, id UserID, limit int) ([]User, error)
	// Events returns one page of events in the order of their numbers, and how many events the
	// filter selects. Both are read at the same moment. It has no further codes.
	Events(ctx context.Context, filter EventFilter, page Page) (events []Event, total int64, err error)
	// EventsAfter returns up to limit events whose number is higher than id, in the order of
	// their numbers. It returns fewer than limit only if there are no more. Events that are being
	// written come later, so a caller who goes on after the last event misses none. A target of 0
	// stands for all targets. It has no further codes.
	EventsAfter(ctx context.Context, target UserID, id int64, limit int) ([]Event, error)
	// RemoveEvents removes events in the order of their numbers, up to the first one that is not older than before, and
	// never the newest, so that no number comes back. It is one small step, which delays nobody much, and returns how many
	// events it has removed. 0 means that there is nothing to do now. It has no further codes.
	RemoveEvents(ctx context.Context, before time.Time) (removed int, err error)
	// Facts reads the facts outside of a unit. If no user has the number id, the target is the
	// zero User. An id of 0 stands for a user who will be created. It fails with
	// [CodeUnauthenticated] if p's token has ended.
	Facts(ctx context.Context, p Principal, id UserID) (Facts, error)
	// Change runs a unit. It reads the facts as Facts does, calls decide, writes the change and
	// returns the user as stored. It fails with [CodeUnauthenticated] if p's token has ended,
	// with the error of decide, with [CodeEmailTaken] or [CodeNickNameTaken] if another user has
	// the e-mail address, or the name in the same enterprise, with [CodeNotFound] if the token
	// of Change.EndToken has ended, and with [CodeUnavailable] if too many units wait.
	Change(ctx context.Context, p Principal, id UserID, decide Decide) (User, error)
	// Start runs the unit of a start of a server, see [Start] and [Service.Start]. It fails with
	// [CodeUnavailable] if too many units wait.
	Start(ctx context.Context, s Start) (Started, error)
	// Token returns a token. It fails with [CodeNotFound] if no token has this number.
	Token(ctx context.Context, id int64) (Token, error)
	// Tokens returns the tokens of a user in the order of their numbers. A user of 0 stands for
	// all users. It has no further codes.
	Tokens(ctx context.Context, user UserID) ([]Token, error)
	// Failures returns the failures that still count, for those of the keys that have any. It has
	// no further codes.
	Failures(ctx context.Context, keys []FailureKey) (map[FailureKey]Failures, error)
	// AddFailure counts a failure for each of the keys. It counts for a [FailureWindow] from the
	// first failure of the key that still counts. When it returns nil, every node counts it. It need not be on disk: a crash
	// may set all counts to zero. It does not grow without a limit: it forgets at least as many
	// counts that have ended as it begins. It has no further codes.
	AddFailure(ctx context.Context, keys []FailureKey) error
}

// Gate lets a few requests in at the same time. The others wait for their turn. It is fair: if many
// requests of one client wait, those of others go before them.
type Gate interface {
	// Enter waits for the turn of a request until ctx ends, and then fails with the error of ctx. It
	// fails with [CodeUnavailable] if too many wait. The caller must call leave when it is done.
	Enter(ctx context.Context, turn Turn) (leave func(), err error)
}

// Turn says with whom a request shares its turns at a [Gate].
type Turn struct {
	// Keys are whom the request is from, from general to particular. On each level, the keys take turns.
	Keys []string
	// Alone is what no other request inside has. "": the request may be inside together with any.
	Alone string
}

// Hasher hashes passwords. This is slow on purpose, and takes memory: call its methods only inside
// [Service.Hashing].
type Hasher interface {
	Hash(ctx context.Context, password string) (hash string, err error)
	// Verify reports whether the password has this hash. If hash is "", it takes as long as
	// with a hash and returns false.
	Verify(ctx context.Context, password, hash string) (bool, error)
}

// Service is the directory. All fields are required, except those whose zero has a meaning.
//
// Its methods share these failures, which their comments do not repeat. They fail with
// [CodeUnavailable] if the database is busy, or too many requests wait to write, to search or to hash a
// password. A method that takes a principal fails with [CodeUnauthenticated] if the token has
// ended, with [CodeForbidden] if the policy does not allow the operation, and with
// [CodeNotFound] if the user does not exist or the principal cannot see the user.
type Service struct {
	Store      Store
	Hashing    Gate // bounds how many passwords are hashed at the same time
	Hasher     Hasher
	Searching  Gate // bounds how many searches for a text run at the same time
	Emails     Gate // lets in one change of an actor at a time, if it names an e-mail address
	Now        func() time.Time
	Random     io.Reader     // cryptographically strong
	TokenLife  time.Duration // how long a log-in token lives
	LogInLimit int           // how many log-ins of an account from an address may fail in a [FailureWindow]; 0: any number
}

// enter waits for a turn at a gate, and tells its queue if that is full.
func enter(ctx context.Context, gate Gate, queue Refusal, turn Turn) (leave func(), err error) {
	leave, err = gate.Enter(ctx, turn)
	if failure, ok := errors.AsType[*Error](err); ok {
		failure.Refusal = queue
	}
	return leave, err
}

// Authenticate returns the user who owns the token, as a principal. Everyone may call it. It
// fails with [CodeUnauthenticated] if the token is unknown, has ended or has expired, or if its
// owner is not active.
func (s *Service) Authenticate(ctx context.Context, secret string) (Principal, error) {
	p, err := s.Store.Principal(ctx, HashToken(secret))
	if err != nil {
		return Principal{}, err
	}
	return p, p.checkValid(s.Now())
}

// User returns a user whom the principal can see. Every user may call it.
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

// findTarget returns a user, or the zero User if no user has this number. The policy then
// chooses the error.
func (s *Service) findTarget(ctx context.Context, id UserID) (User, error) {
	user, err := s.Store.User(ctx, id)
	if IsCode(err, CodeNotFound) {
		return User{}, nil
	}
	return user, err
}
