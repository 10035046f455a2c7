package directory

import (
	"net/netip"
	"sync"
	"time"
)

const (
	throttleWindow     = time.Minute
	maxCounters        = 1 << 16 // about 20 MB
	countersPerLogIn   = 5       // at most
	addressLimitFactor = 10      // times the limit of an account from an address
	accountLimitFactor = 10      // times the limit of an account from an address
	ipv6PrefixBits     = 64      // the network of one subscriber (RFC 6177)
)

// LoginThrottle limits failed log-ins. It has a counter for each account from each address,
// for each address, and for each account. A counter counts for one minute from its first
// failure. An account is counted under the name that the client sent, even if no user has it,
// and also under the user who has it, because a user has two names. The number of counters is
// bounded: if there are too many, LoginThrottle evicts some. It is safe for concurrent use.
type LoginThrottle struct {
	limit    int
	now      func() time.Time
	mutex    sync.Mutex
	counters map[throttleKey]*counter
}

// NewLoginThrottle returns a throttle that allows limit failed log-ins per minute for an
// account from an address, and ten times as many for an address and for an account. A limit
// of 0 allows any number.
func NewLoginThrottle(limit int, now func() time.Time) *LoginThrottle {
	return &LoginThrottle{limit: limit, now: now, counters: map[throttleKey]*counter{}}
}

// throttleKey identifies a counter. The zero network stands for all addresses. A key with
// neither name nor user stands for all accounts.
type throttleKey struct {
	name    string
	user    UserID
	network netip.Prefix
}

type counter struct {
	windowStart time.Time // when the first failure happened, if there is one
	failures    int
	pending     int // log-ins that have not finished
}

// reservation allows one log-in to go on. It must be finished once.
type reservation struct {
	throttle *LoginThrottle
	counters []*counter
	mustFail bool // the log-in must fail as if the password were wrong
}

// reserve counts a log-in as pending before anything expensive is done for it. A user of 0
// means that no user has the name. It fails with [CodeTooManyRequests] if the limit of the
// name or of the address is reached. If only the limit of the user is reached, because log-ins
// with the user's other name have failed, the reservation says that the log-in must fail. An
// error would tell the client that both names belong to one user.
func (l *LoginThrottle) reserve(name string, user UserID, address netip.Addr) (*reservation, error) {
	reserved := &reservation{throttle: l}
	if l.limit == 0 {
		return reserved, nil
	}
	network := networkOf(address)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	if len(l.counters) > maxCounters-countersPerLogIn {
		l.evict(now)
	}
	check := func(key throttleKey, limit int) time.Duration {
		c := l.counterFor(key, now)
		reserved.counters = append(reserved.counters, c)
		return c.retryAfter(limit, now)
	}
	retryAfter := max(
		check(throttleKey{name: name, network: network}, l.limit),
		check(throttleKey{network: network}, l.limit*addressLimitFactor),
		check(throttleKey{name: name}, l.limit*accountLimitFactor),
	)
	if retryAfter > 0 {
		return nil, &Error{Code: CodeTooManyRequests, RetryAfter: retryAfter}
	}
	if user != 0 {
		reserved.mustFail = max(
			check(throttleKey{user: user, network: network}, l.limit),
			check(throttleKey{user: user}, l.limit*accountLimitFactor),
		) > 0
	}
	for _, c := range reserved.counters {
		c.pending++
	}
	return reserved, nil
}

// finish ends the reservation and counts the log-in if it failed. If the password was never
// compared, the log-in has not failed.
func (r *reservation) finish(failed bool) {
	r.throttle.mutex.Lock()
	defer r.throttle.mutex.Unlock()
	for _, c := range r.counters {
		c.pending--
		if !failed {
			continue
		}
		if c.failures == 0 {
			c.windowStart = r.throttle.now()
		}
		c.failures++
	}
}

// retryAfter returns how long this counter refuses log-ins, or 0 if it allows one now.
func (c *counter) retryAfter(limit int, now time.Time) time.Duration {
	switch {
	case c.failures >= limit:
		return c.windowStart.Add(throttleWindow).Sub(now)
	case c.failures+c.pending >= limit:
		return time.Second // by then, some pending log-ins may have finished
	}
	return 0
}

// expired reports whether the counter's window has ended.
func (c *counter) expired(now time.Time) bool {
	return c.failures > 0 && !now.Before(c.windowStart.Add(throttleWindow))
}

// counterFor returns the counter for a key. It makes one if there is none, and resets one that
// has expired.
func (l *LoginThrottle) counterFor(key throttleKey, now time.Time) *counter {
	c := l.counters[key]
	if c == nil {
		c = &counter{}
		l.counters[key] = c
	}
	if c.expired(now) {
		c.failures = 0
	}
	return c
}

// evict removes all counters that have expired or have no failures. If more than three quarters
// of maxCounters are left, it removes arbitrary others until three quarters are left. It looks at
// all counters, which takes milliseconds, so it makes enough room to run only rarely. It never
// removes a counter with pending log-ins.
func (l *LoginThrottle) evict(now time.Time) {
	for key, c := range l.counters {
		if c.pending == 0 && (c.failures == 0 || c.expired(now)) {
			delete(l.counters, key)
		}
	}
	for key, c := range l.counters {
		if len(l.counters) <= maxCounters*3/4 {
			return
		}
		if c.pending == 0 {
			delete(l.counters, key)
		}
	}
}

// networkOf returns the network that one client is likely to have: an IPv4 address or an
// IPv6 /64.
func networkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = ipv6PrefixBits
	}
	network, _ := address.Prefix(bits) // the zero address has the zero network
	return network
}
