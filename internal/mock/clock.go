package mock

import (
	"errors"
	"sync"
	"time"
)

// Clock is a clock that can be stopped and moved. It is safe for concurrent use.
type Clock struct {
	mutex   sync.Mutex
	real    func() time.Time
	since   time.Time // when the clock was set, in real time
	set     time.Time // what it showed then
	running bool
}

// NewClock returns a clock that stands at a time. If the time is zero, the clock runs and shows the real time.
func NewClock(at time.Time) *Clock {
	c := &Clock{real: wallTime, running: at.IsZero()}
	c.since = c.real()
	c.set = at
	if c.running {
		c.set = c.since
	}
	return c
}

// wallTime is the time in microseconds, because the store keeps no more, and without the reading of the monotonic clock,
// which stands while the machine sleeps.
func wallTime() time.Time { return time.Now().Round(0).Truncate(time.Microsecond) }

// Now returns the time, in UTC.
func (c *Clock) Now() time.Time {
	now, _ := c.read()
	return now
}

func (c *Clock) read() (now time.Time, running bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now(), c.running
}

func (c *Clock) now() time.Time {
	if !c.running {
		return c.set.UTC()
	}
	return c.set.Add(c.real().Sub(c.since)).UTC()
}

// The years that a clock can show. Times up to the life of a token later have four digits for the year, too.
const (
	firstYear = 1970
	lastYear  = 8999
)

// errOutOfRange says that a clock cannot show a time.
var errOutOfRange = errors.New("the clock shows times from 1970 to 8999")

// move sets the clock to what next returns for the time that it shows. If running is nil, a
// clock that stands goes on standing, and one that runs goes on running.
func (c *Clock) move(next func(now time.Time) time.Time, running *bool) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	at := next(c.now()).UTC().Truncate(time.Microsecond)
	if at.Year() < firstYear || at.Year() > lastYear {
		return errOutOfRange
	}
	c.set, c.since = at, c.real()
	if running != nil {
		c.running = *running
	}
	return nil
}
