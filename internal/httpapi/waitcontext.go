package httpapi

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// waitContext is a context with a deadline. It is cheaper than [context.WithDeadline] if nothing
// waits for its end, because the timer starts with the first call of Done.
type waitContext struct {
	context.Context
	deadline time.Time
	once     sync.Once
	timed    atomic.Pointer[timedContext] // nil: nothing has waited
}

type timedContext struct {
	context.Context
	cancel context.CancelFunc
}

// Done implements context.Context.
func (w *waitContext) Done() <-chan struct{} {
	w.once.Do(func() {
		ctx, cancel := context.WithDeadline(w.Context, w.deadline)
		w.timed.Store(&timedContext{ctx, cancel})
	})
	return w.timed.Load().Done()
}

// Deadline implements context.Context.
func (w *waitContext) Deadline() (time.Time, bool) { return w.deadline, true }

// Err implements context.Context.
func (w *waitContext) Err() error { return w.current().Err() }

// Value implements context.Context.
func (w *waitContext) Value(key any) any { return w.current().Value(key) }

func (w *waitContext) current() context.Context {
	if timed := w.timed.Load(); timed != nil {
		return timed
	}
	return w.Context
}

// stop stops the timer.
func (w *waitContext) stop() {
	if timed := w.timed.Load(); timed != nil {
		timed.cancel()
	}
}
