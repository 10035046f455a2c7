package apitest

import (
	"sync/atomic"
	"time"
)

// Clock is a clock that only a test moves. It is safe for concurrent use, except that a server must
// start before or after Advance.
type Clock struct {
	now   atomic.Int64 // Unix time in nanoseconds
	moved func()       // tells the database of a server
}

// NewClock returns a clock that shows the current second.
func NewClock() *Clock {
	c := &Clock{moved: func() {}}
	c.now.Store(time.Now().Truncate(time.Second).UnixNano())
	return c
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time { return time.Unix(0, c.now.Load()) }

// Advance moves the clock forward.
func (c *Clock) Advance(by time.Duration) {
	c.now.Add(int64(by))
	c.moved()
}
