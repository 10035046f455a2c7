package directory

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The number of counters is bounded, however many names and addresses fail. While there is
// room, no counter is evicted.
func TestCountersAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	throttle := NewLoginThrottle(1, func() time.Time { return now })
	address := netip.MustParseAddr("2001:db8::1")
	failLogIn := func(name string) error {
		address = address.Next()
		network := address.As16()
		network[5], network[6], network[7] = network[13], network[14], network[15] // each in another /64
		reserved, err := throttle.reserve(name, 0, netip.AddrFrom16(network))
		if err == nil {
			reserved.finish(true)
		}
		return err
	}
	for i := range maxCounters { // each makes three counters
		if i%100 == 0 {
			now = now.Add(time.Second) // 100 failures a second
		}
		require.NoError(t, failLogIn("#"+strconv.Itoa(i)))
		require.LessOrEqual(t, len(throttle.counters), maxCounters)
	}
	for range accountLimitFactor {
		require.NoError(t, failLogIn("attacked"))
	}
	require.Error(t, failLogIn("attacked"))
	for i := range maxCounters / 16 {
		require.NoError(t, failLogIn("@"+strconv.Itoa(i)))
	}
	require.Error(t, failLogIn("attacked"), "the counter was evicted although there was room")

	for i := range maxCounters { // all in the same minute
		require.NoError(t, failLogIn("!"+strconv.Itoa(i)))
		require.LessOrEqual(t, len(throttle.counters), maxCounters)
	}
	now = now.Add(time.Hour)
	require.NoError(t, failLogIn("attacked"))
}

// If expired counters are enough to make room, no other counter is evicted.
func TestExpiredCountersAreEvictedFirst(t *testing.T) {
	now := time.Unix(0, 0)
	throttle := NewLoginThrottle(1, func() time.Time { return now })
	address := netip.MustParseAddr("198.51.100.1")
	failLogIn := func(name string) error {
		address = address.Next()
		reserved, err := throttle.reserve(name, 0, address)
		if err == nil {
			reserved.finish(true)
		}
		return err
	}
	for i := range maxCounters/3 - 200 { // each makes three counters, so there is little room left
		require.NoError(t, failLogIn("#"+strconv.Itoa(i)))
	}
	now = now.Add(throttleWindow)
	for account := range 20 {
		for range accountLimitFactor {
			require.NoError(t, failLogIn(strconv.Itoa(account)))
		}
	}
	for i := range maxCounters / 6 {
		require.NoError(t, failLogIn("@"+strconv.Itoa(i)))
	}
	for account := range 20 {
		require.Error(t, failLogIn(strconv.Itoa(account)))
	}
	require.Less(t, len(throttle.counters), maxCounters*3/4)
}

// A pending log-in counts against the limit in the same way as a failed one.
func TestFailedAndPendingLogInsCountTogether(t *testing.T) {
	throttle := NewLoginThrottle(3, time.Now)
	reserve := func() (*reservation, error) { return throttle.reserve("ada", 1, netip.MustParseAddr("192.0.2.1")) }
	for range 2 {
		failed, err := reserve()
		require.NoError(t, err)
		failed.finish(true)
	}
	pending, err := reserve()
	require.NoError(t, err)
	_, err = reserve()
	require.Error(t, err)
	pending.finish(false)
	_, err = reserve()
	require.NoError(t, err)
}

// A counter with a pending log-in is not evicted, however many others fail.
func TestPendingCountersAreNotEvicted(t *testing.T) {
	throttle := NewLoginThrottle(1, time.Now)
	pending, err := throttle.reserve("ada", 1, netip.MustParseAddr("192.0.2.1"))
	require.NoError(t, err)
	address := netip.MustParseAddr("198.51.100.1")
	for i := range maxCounters {
		address = address.Next()
		reserved, err := throttle.reserve(strconv.Itoa(i), 0, address)
		require.NoError(t, err)
		reserved.finish(true)
	}
	_, err = throttle.reserve("ada", 1, netip.MustParseAddr("192.0.2.1"))
	require.Error(t, err)
	pending.finish(false)
	_, err = throttle.reserve("ada", 1, netip.MustParseAddr("192.0.2.1"))
	require.NoError(t, err)
}

// A throttle with a limit of 0 allows any number and makes no counters.
func TestLimitOfZeroCountsNothing(t *testing.T) {
	throttle := NewLoginThrottle(0, time.Now)
	for range 1000 {
		reserved, err := throttle.reserve("ada", 1, netip.Addr{})
		require.NoError(t, err)
		reserved.finish(true)
	}
	require.Empty(t, throttle.counters)
}
