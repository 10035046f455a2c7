package directory

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"
)

const (
	// FailureWindow is how long the failures of a [FailureKey] count, from the first of them.
	FailureWindow = time.Minute

	addressLimitFactor = 10 // times the limit of an account from an address
	accountLimitFactor = 10 // times the limit of an account from an address
	limitPrefixBits    = 64 // of IPv6: the network of one subscriber (RFC 6177)
	turnPrefixBits     = 48 // of IPv6: the most that one subscriber gets (RFC 6177)
)

// FailureKey is what failed log-ins are counted for: the SHA-256 of an account, of a network, or of
// both. So no store of them shows who tries to log in. The hash of a network can still be found by
// trying all networks.
type FailureKey [sha256.Size]byte

// Failures are the failed log-ins of a [FailureKey].
type Failures struct {
	Count     int
	Remaining time.Duration // how long they still count; more than 0
}

// failureLimit is how many log-ins of a key may fail within the [FailureWindow].
type failureLimit struct {
	key  FailureKey
	most int
	// hidden makes the log-in fail as if the password were wrong. An error would tell the client
	// that both names belong to one user.
	hidden bool
}

// failureLimits returns the limits for a log-in: of each account from each address, of each address, and of
// each account. An account is counted under the name that the client sent, even if no user has
// it, and also under the user who has it, because a user has two names. A user of 0 means that no
// user has the name; then there are as many limits, so that the time does not tell it.
func (s *Service) failureLimits(name LogInName, user UserID, address netip.Addr) []failureLimit {
	if s.LogInLimit == 0 {
		return nil
	}
	network, account, owner := networkOf(address, limitPrefixBits), name.key(), user.String()
	if user == 0 {
		owner = "nobody " + account
	}
	return []failureLimit{
		{key: newFailureKey("name", account, network), most: s.LogInLimit},
		{key: newFailureKey("network", network), most: s.LogInLimit * addressLimitFactor},
		{key: newFailureKey("name", account), most: s.LogInLimit * accountLimitFactor},
		{key: newFailureKey("user", owner, network), most: s.LogInLimit, hidden: true},
		{key: newFailureKey("user", owner), most: s.LogInLimit * accountLimitFactor, hidden: true},
	}
}

func newFailureKey(parts ...string) FailureKey {
	return sha256.Sum256([]byte(strings.Join(parts, "/")))
}

func keysOf(limits []failureLimit) []FailureKey {
	keys := make([]FailureKey, len(limits))
	for i, l := range limits {
		keys[i] = l.key
	}
	return keys
}

// checkFailures fails with [CodeTooManyRequests] if a limit is reached. If only a hidden one is
// reached, it says that the log-in must fail.
func (s *Service) checkFailures(ctx context.Context, limits []failureLimit) (mustFail bool, err error) {
	if len(limits) == 0 {
		return false, nil
	}
	failures, err := s.Store.LogInFailures(ctx, keysOf(limits))
	if err != nil {
		return false, err
	}
	var retryAfter time.Duration
	for _, l := range limits {
		switch reached := failures[l.key]; {
		case reached.Count < l.most:
		case l.hidden:
			mustFail = true
		default:
			retryAfter = max(retryAfter, reached.Remaining)
		}
	}
	if retryAfter > 0 {
		return false, &Error{Code: CodeTooManyRequests, RetryAfter: retryAfter}
	}
	return mustFail, nil
}

// failLogIn counts a failed log-in, even if the client has left before its answer, and returns the
// error of the log-in.
func (s *Service) failLogIn(ctx context.Context, limits []failureLimit) error {
	if len(limits) > 0 {
		if err := s.Store.AddLogInFailure(context.WithoutCancel(ctx), keysOf(limits)); err != nil {
			return err
		}
	}
	return &Error{Code: CodeInvalidCredentials}
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
