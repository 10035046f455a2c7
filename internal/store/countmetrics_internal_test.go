package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// slowCounter counts how often it was asked. A count takes a while on the clock of the test.
type slowCounter struct {
	clock time.Time
	takes time.Duration
	asked int64
	err   error
}

func (c *slowCounter) now() time.Time { return c.clock }

func (c *slowCounter) Counts(ctx context.Context) (users, tokens int64, err error) {
	if _, limited := ctx.Deadline(); !limited {
		return 0, 0, errors.New("there must be a deadline")
	}
	c.clock = c.clock.Add(c.takes)
	c.asked++
	return c.asked, -c.asked, c.err
}

// Rows are counted at most once a minute, and for at most a hundredth of the time. If that fails, there are no values.
func TestRowsAreCountedRarely(t *testing.T) {
	c := &slowCounter{clock: time.Now()}
	m := newCountMetrics(c, c.now)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	// read returns the values after so much time.
	read := func(later time.Duration) (values []float64) {
		c.clock = c.clock.Add(later)
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			values = append(values, family.GetMetric()[0].GetGauge().GetValue())
		}
		return values
	}
	require.Equal(t, []float64{-1, 1}, read(0), "userapi_tokens and userapi_users")
	require.Equal(t, []float64{-1, 1}, read(time.Minute-1))
	require.Equal(t, []float64{-2, 2}, read(1))
	c.takes = 2 * time.Second
	require.Equal(t, []float64{-3, 3}, read(time.Minute))
	require.Equal(t, []float64{-3, 3}, read(200*time.Second-1))
	c.takes, c.err = 0, errors.New("the database is away")
	require.Empty(t, read(1))
	c.err = nil
	require.Empty(t, read(time.Minute-1), "it is not asked again at once")
	require.Equal(t, []float64{-5, 5}, read(1))
}
