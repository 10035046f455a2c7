package directory

import (
	"net/netip"
	"time"
)

// Principal is who acts, through which token, in which request.
type Principal struct {
	User      User
	Token     Token
	RequestID string
	Address   netip.Addr
}

// Valid returns CodeUnauthenticated if the token has expired or its owner is not active.
func (p Principal) Valid(now time.Time) error {
	if !p.User.Active() || !p.Token.Expires.IsZero() && !now.Before(p.Token.Expires) {
		return &Error{Code: CodeUnauthenticated}
	}
	return nil
}
