package conform

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server cannot hold a run for ever, and the user is told that the run waits.
func TestWaitsHaveABudget(t *testing.T) {
	var waits []time.Duration
	r := &run{options: Options{Waiting: func(wait time.Duration) { waits = append(waits, wait) }}}
	require.NoError(t, r.wait(t.Context(), time.Millisecond))
	r.waited.Store(int64(mostWaiting - time.Minute))
	err := r.wait(t.Context(), longestWait)
	require.True(t, isCannotJudge(err))
	require.ErrorContains(t, err, "more than 5 minutes altogether")
	require.Equal(t, []time.Duration{time.Millisecond}, waits)
}

// A server that takes the connection and does not answer is not called missing.
func TestSilentServerIsNamed(t *testing.T) {
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(end) })
	r := &run{ctx: t.Context(), base: s.URL, client: newClient(), world: newWorld("token")}
	r.client.Timeout = 50 * time.Millisecond
	r.meet()
	require.EqualError(t, r.err, "the server at "+s.URL+" did not answer within a minute")
}
