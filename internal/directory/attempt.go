package directory

import (
	"net/netip"
	"sync"
	"time"
)

const (
	attemptWindow   = time.Minute
	maxCounters     = 1 << 16 // some 20 MB
	addressFactor   = 10      // an address may fail this often as much as one account from it
	accountFactor   = 10      // an account likewise
	ipv6NetworkBits = 64      // what one subscriber has (RFC 6177)
)

// Attempts counts failed log-ins by account and address, by address and by account,
// each for a minute from its first. It is safe for concurrent use. Its memory is
// bounded: when it is full, a counter is forgotten.
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

// attemptKey is what is counted. The zero network stands for all, "" for all accounts.
type attemptKey struct {
	account string
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
}

// begin counts an attempt as pending, before anything expensive is done for it.
// CodeTooManyRequests: it is one too many.
func (a *Attempts) begin(account string, address netip.Addr) (*attempt, error) {
	if a.limit == 0 {
		return &attempt{attempts: a}, nil
	}
	network := networkOf(address)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := a.now()
	begun := &attempt{attempts: a}
	var wait time.Duration
	for _, counted := range []struct {
		key   attemptKey
		limit int
	}{
		{attemptKey{account, network}, a.limit},
		{attemptKey{"", network}, a.limit * addressFactor},
		{attemptKey{account, netip.Prefix{}}, a.limit * accountFactor},
	} {
		c := a.counter(counted.key, now)
		wait = max(wait, c.wait(counted.limit, now))
		c.pending++
		begun.counters = append(begun.counters, c)
	}
	if wait > 0 {
		for _, c := range begun.counters {
			c.pending--
		}
		return nil, &Error{Code: CodeTooManyRequests, RetryAfter: wait}
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
		if len(a.counters) >= maxCounters {
			a.forget(now)
		}
		c = &counter{}
		a.counters[key] = c
	}
	if c.over(now) {
		c.failed = 0
	}
	return c
}

// forget makes room: all counters whose minute has ended or that have counted nothing
// go, and of the others, if need be, any quarter.
func (a *Attempts) forget(now time.Time) {
	for key, c := range a.counters {
		if c.pending == 0 && (c.failed == 0 || c.over(now)) {
			delete(a.counters, key)
		}
	}
	for key := range a.counters {
		if len(a.counters) <= maxCounters*3/4 {
			return
		}
		delete(a.counters, key)
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
