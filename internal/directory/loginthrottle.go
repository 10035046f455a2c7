package directory

import (
	"net/netip"
	"sync"
	"time"
)

const (
	throttleWindow     = time.Minute
	maxCounters        = 1 << 16 // some 20 MB
	countersPerLogIn   = 5       // that one attempt has
	addressLimitFactor = 10      // an address may fail this often as much as one account from it
	accountLimitFactor = 10      // an account likewise
	ipv6PrefixBits     = 64      // what one subscriber has (RFC 6177)
)

// LoginThrottle counts failed log-ins by account and address, by address and by account,
// each for a minute from its first. An account is counted by the name that was sent,
// which need not exist, and by the user whom it names: a user has two names. It is safe
// for concurrent use. Its memory is bounded: when it is full, counters are forgotten.
type LoginThrottle struct {
	limit    int
	now      func() time.Time
	mutex    sync.Mutex
	counters map[throttleKey]*counter
}

// NewLoginThrottle allows this many failed log-ins a minute for an account from an address,
// and ten times that for an address and for an account. A limit of 0 is none.
func NewLoginThrottle(limit int, now func() time.Time) *LoginThrottle {
	return &LoginThrottle{limit: limit, now: now, counters: map[throttleKey]*counter{}}
}

// throttleKey is what is counted. The zero network stands for all; neither name nor user
// for all accounts.
type throttleKey struct {
	name    string
	user    UserID
	network netip.Prefix
}

type counter struct {
	windowStart time.Time // of the first failure
	failures    int
	pending     int // of which nobody knows yet whether they fail
}

// reservation is one log-in that has been let through.
type reservation struct {
	throttle *LoginThrottle
	counters []*counter
	mustFail bool // it has to fail, and as if the password were wrong
}

// reserve counts an attempt as pending, before anything expensive is done for it. The user
// is 0 where nobody has the name. CodeTooManyRequests: it is one too many for the name
// or the address. One too many for the user only, who has failed by the other name, must
// fail: to refuse it would tell that both names are one user's.
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

// finish says how the attempt has ended. One that was not decided counts for nothing.
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

// retryAfter returns how long this counter refuses; 0: it does not.
func (c *counter) retryAfter(limit int, now time.Time) time.Duration {
	switch {
	case c.failures >= limit:
		return c.windowStart.Add(throttleWindow).Sub(now)
	case c.failures+c.pending >= limit:
		return time.Second // until some of them are decided
	}
	return 0
}

// expired reports whether the counter's minute has ended.
func (c *counter) expired(now time.Time) bool {
	return c.failures > 0 && !now.Before(c.windowStart.Add(throttleWindow))
}

// counterFor returns the counter of a key, in its present minute.
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

// evict makes room: all counters whose minute has ended or that have counted nothing
// go, and of the others any, down to three quarters, as looking at all of them takes
// milliseconds. Those of attempts that are pending stay.
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

// networkOf returns what one client is likely to have: an IPv4 address, or an IPv6 /64.
func networkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = ipv6PrefixBits
	}
	network, _ := address.Prefix(bits) // zero for the zero address
	return network
}
