package directory

import (
	"net/netip"
	"time"
)

// Principal is who acts, through which token, in which request. The zero Principal may nothing.
type Principal struct {
	User      User
	Token     Token
	RequestID string
	Address   netip.Addr
}

// Operator is who has the database in hand: the command line.
func Operator() Principal { return withoutToken(roleOperator) }

// Anonymous is a client that has shown no token; it may log in.
func Anonymous() Principal { return withoutToken(roleAnonymous) }

func withoutToken(role Role) Principal {
	active := true
	return Principal{User: User{Role: role, IsActive: &active}}
}

// HasToken reports whether a token of a user stands for the principal. It counts only as
// long as the token does.
func (p Principal) HasToken() bool {
	return p.User.Role != roleOperator && p.User.Role != roleAnonymous
}

// checkValid returns CodeUnauthenticated if the token has expired or its owner is not active.
func (p Principal) checkValid(now time.Time) error {
	if !p.User.Active() || !p.Token.Expires.IsZero() && !now.Before(p.Token.Expires) {
		return &Error{Code: CodeUnauthenticated}
	}
	return nil
}

// freshLogInPeriod is how long after a log-in its token may change the password or the e-mail
// address of its owner: a token that was stolen does not become an account that was.
const freshLogInPeriod = 15 * time.Minute

// fresh reports whether the token may change how its owner logs in.
func (p Principal) fresh(now time.Time) bool {
	return p.Token.Kind != TokenLogIn || now.Sub(p.Token.Created) <= freshLogInPeriod
}
