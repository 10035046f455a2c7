package directory

import "net/netip"

// Principal is who acts, through which token, in which request.
type Principal struct {
	User      User
	Token     Token
	RequestID string
	Address   netip.Addr
}
