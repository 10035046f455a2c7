package directory

import (
	"net/netip"
	"time"
)

// Principal is the one who acts, with their token and request. The zero Principal may do nothing.
type Principal struct {
	User      User       // ID 0: the operator or an anonymous client
	Token     Token      // zero: none
	RequestID string     // "": the command line
	Address   netip.Addr // of the client; zero: not known, or the command line
}

// Operator returns the principal of the command line. Everyone who can open the database has it.
func Operator() Principal { return withoutToken(roleOperator) }

// Anonymous returns the principal of a client without a token. It may only log in.
func Anonymous() Principal { return withoutToken(roleAnonymous) }

func withoutToken(role Role) Principal {
	active := true
	return Principal{User: User{Role: role, IsActive: &active}}
}

// HasToken reports whether the principal is a user with a token. The store must then check
// that the token has not ended.
func (p Principal) HasToken() bool {
	return p.User.Role != roleOperator && p.User.Role != roleAnonymous
}

// checkValid fails with [CodeUnauthenticated] if the token has expired or its owner is not
// active.
func (p Principal) checkValid(now time.Time) error {
	if !p.User.Active() || !p.Token.Expires.IsZero() && !now.Before(p.Token.Expires) {
		return &Error{Code: CodeUnauthenticated}
	}
	return nil
}

const (
	freshLogInPeriod = 15 * time.Minute // how long a log-in is fresh
	maxClockSkew     = time.Minute      // how far ahead of the clock a log-in may be: clocks of nodes differ
)

// fresh reports whether the token comes from a fresh log-in, or not from a log-in at all. A thief
// of an older token cannot take an account over, see Facts.needsFreshLogIn.
func (p Principal) fresh(now time.Time) bool {
	age := now.Sub(p.Token.Created)
	return p.Token.Kind != TokenLogIn || -maxClockSkew <= age && age <= freshLogInPeriod
}
