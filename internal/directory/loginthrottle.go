package directory

import (
	"context"
	"net/netip"
)

const (
	addressLimitFactor = 10 // times the limit of an account from an address
	accountLimitFactor = 10 // times the limit of an account from an address
	limitPrefixBits    = 64 // of IPv6: the network of one subscriber (RFC 6177)
	turnPrefixBits     = 48 // of IPv6: the most that one subscriber gets (RFC 6177)
)

// logInLimits returns the limits for a log-in: of each account from each address, of each address, and of
// each account. An account is counted under the name that the client sent, even if no user has
// it, and also under the user who has it, because a user has two names. A user of 0 means that no
// user has the name; then there are as many limits, so that the time does not tell it.
func (s *Service) logInLimits(name LogInName, user UserID, address netip.Addr) []failureLimit {
	if s.LogInLimit == 0 {
		return nil
	}
	network, account, owner := networkOf(address, limitPrefixBits), name.key(), user.String()
	if user == 0 {
		owner = "nobody " + account
	}
	limits := []failureLimit{
		{key: newFailureKey("name", account, network), most: s.LogInLimit},
		{key: newFailureKey("network", network), most: s.LogInLimit * addressLimitFactor},
		{key: newFailureKey("name", account), most: s.LogInLimit * accountLimitFactor},
		{key: newFailureKey("user", owner, network), most: s.LogInLimit, hidden: true},
		{key: newFailureKey("user", owner), most: s.LogInLimit * accountLimitFactor, hidden: true},
	}
	for i := range limits {
		limits[i].refusal = RefusalLogInLimit
	}
	return limits
}

// failLogIn counts a failed log-in and returns its error.
func (s *Service) failLogIn(ctx context.Context, limits []failureLimit) error {
	return s.fail(ctx, limits, &Error{Code: CodeInvalidCredentials})
}

// networkOf returns the network of a client: an IPv4 address, or this many bits of an IPv6 address.
// The zero address has a network of its own.
func networkOf(address netip.Addr, prefixBits int) string {
	if address.Is4() {
		prefixBits = address.BitLen()
	}
	network, _ := address.Prefix(prefixBits) // the zero address has the zero network
	return network.String()
}
