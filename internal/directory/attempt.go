package directory

import (
	"net/netip"
	"sync"
	"time"
)

const (
	attemptWindow   = time.Minute
	maxCounters     = 1 << 16 // some 20 MB
	countersOfOne   = 5       // that one attempt has
	addressFactor   = 10      // an address may fail this often as much as one account from it
	accountFactor   = 10      // an account likewise
	ipv6NetworkBits = 64      // what one subscriber has (RFC 6177)
)

// Attempts counts failed log-ins by account and address, by address and by account,
// each for a minute from its first. An account is counted by the name that was sent,
// which need not exist, and by the user whom it names: a user has two names. It is safe
// for concurrent use. Its memory is bounded: when it is full, counters are forgotten.
type Attempts struct {
	limit    int
	now      func() time.Time
	mutex    sync.Mutex
	counters map[attemptKey]*counter
}

// NewAttempts allows this many failed log-ins a minute for an account from an address,
// and ten times that for an address and for an account. A limit of 0 is none.
func NewAttempts(limit int, now func() time.Time) *Attempts {
	return &Attempts{limit: limit, now: now, counters: map[attemptKey]*counter{}}
}

// attemptKey is what is counted. The zero network stands for all; neither name nor user
// for all accounts.
type attemptKey struct {
	name    string
	user    UserID
	network netip.Prefix
}

type counter struct {
	begun   time.Time // of the first failure
	failed  int
	pending int // of which nobody knows yet whether they fail
}

// attempt is one log-in that has been let through.
type attempt struct {
	attempts *Attempts
	counters []*counter
	blind    bool // it has to fail, and as if the password were wrong
}

// begin counts an attempt as pending, before anything expensive is done for it. The user
// is 0 where nobody has the name. CodeTooManyRequests: it is one too many for the name
// or the address. One too many for the user only, who has failed by the other name, is
// blind: to refuse it would tell that both names are one user's.
func (a *Attempts) begin(name string, user UserID, address netip.Addr) (*attempt, error) {
	begun := &attempt{attempts: a}
	if a.limit == 0 {
		return begun, nil
	}
	network := networkOf(address)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := a.now()
	if len(a.counters) > maxCounters-countersOfOne {
		a.forget(now)
	}
	count := func(key attemptKey, limit int) time.Duration {
		c := a.counter(key, now)
		begun.counters = append(begun.counters, c)
		return c.wait(limit, now)
	}
	wait := max(
		count(attemptKey{name: name, network: network}, a.limit),
		count(attemptKey{network: network}, a.limit*addressFactor),
		count(attemptKey{name: name}, a.limit*accountFactor),
	)
	if wait > 0 {
		return nil, &Error{Code: CodeTooManyRequests, RetryAfter: wait}
	}
	if user != 0 {
		begun.blind = max(
			count(attemptKey{user: user, network: network}, a.limit),
			count(attemptKey{user: user}, a.limit*accountFactor),
		) > 0
	}
	for _, c := range begun.counters {
		c.pending++
	}
	return begun, nil
}

// end says how the attempt has ended. One that was not decided counts for nothing.
func (a *attempt) end(failed bool) {
	a.attempts.mutex.Lock()
	defer a.attempts.mutex.Unlock()
	for _, c := range a.counters {
		c.pending--
		if !failed {
			continue
		}
		if c.failed == 0 {
			c.begun = a.attempts.now()
		}
		c.failed++
	}
}

// wait returns how long this counter refuses; 0: it does not.
func (c *counter) wait(limit int, now time.Time) time.Duration {
	switch {
	case c.failed >= limit:
		return c.begun.Add(attemptWindow).Sub(now)
	case c.failed+c.pending >= limit:
		return time.Second // until some of them are decided
	}
	return 0
}

// over reports whether the counter's minute has ended.
func (c *counter) over(now time.Time) bool {
	return c.failed > 0 && !now.Before(c.begun.Add(attemptWindow))
}

// counter returns the counter of a key, in its present minute.
func (a *Attempts) counter(key attemptKey, now time.Time) *counter {
	c := a.counters[key]
	if c == nil {
		c = &counter{}
		a.counters[key] = c
	}
	if c.over(now) {
		c.failed = 0
	}
	return c
}

// forget makes room: all counters whose minute has ended or that have counted nothing
// go, and of the others any, down to three quarters, as looking at all of them takes
// milliseconds. Those of attempts that are pending stay.
func (a *Attempts) forget(now time.Time) {
	for key, c := range a.counters {
		if c.pending == 0 && (c.failed == 0 || c.over(now)) {
			delete(a.counters, key)
		}
	}
	for key, c := range a.counters {
		if len(a.counters) <= maxCounters*3/4 {
			return
		}
		if c.pending == 0 {
			delete(a.counters, key)
		}
	}
}

// networkOf returns what one client is likely to have: an IPv4 address, or an IPv6 /64.
func networkOf(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = ipv6NetworkBits
	}
	network, _ := address.Prefix(bits) // zero for the zero address
	return network
}
