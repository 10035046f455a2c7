package httpapi

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The context of a request ends at its deadline, and with its parent, even if the wait begins late.
func TestWaitContextEnds(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
		begin := func() *waitContext { return &waitContext{Context: parent, deadline: time.Now().Add(time.Minute)} }

		late := begin()
		time.Sleep(time.Second)
		require.Equal(t, "value", late.Value(key{}))
		require.NoError(t, late.Err())
		<-late.Done()
		require.Equal(t, time.Minute, time.Since(start))
		require.ErrorIs(t, late.Err(), context.DeadlineExceeded)

		stopped := begin()
		stopped.stop()
		require.NoError(t, stopped.Err(), "nothing has waited, so there is nothing to stop")

		cancelled, derived := begin(), begin()
		child, stop := context.WithCancel(derived)
		defer stop()
		cancel(ErrStopping)
		for _, ctx := range []context.Context{cancelled, derived, child} {
			<-ctx.Done()
			require.ErrorIs(t, ctx.Err(), context.Canceled)
			require.ErrorIs(t, context.Cause(ctx), ErrStopping)
			require.Equal(t, "value", ctx.Value(key{}))
		}
	})
}

// A request that does not wait starts no timer.
func TestWaitContextIsLazy(t *testing.T) {
	w := &waitContext{Context: t.Context(), deadline: time.Now().Add(time.Hour)}
	require.NoError(t, w.Err())
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = w.Err() }))
	require.Nil(t, w.timed.Load())
	w.Done()
	require.NotNil(t, w.timed.Load())
	w.stop()
	require.ErrorIs(t, w.Err(), context.Canceled)
}
