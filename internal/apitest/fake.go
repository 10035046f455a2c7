package apitest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/fair"
)

// HeldHasher holds every request that hashes or verifies a password until Release.
type HeldHasher struct {
	directory.Hasher
	waiting   chan struct{} // receives a value when a request is held
	abandoned chan struct{} // receives a value when the context of a held request ends
	released  chan struct{}
	release   func() // closes released; may be called again
}

// NewHeldHasher returns a hasher that holds up to eight requests.
func NewHeldHasher() *HeldHasher {
	released := make(chan struct{})
	return &HeldHasher{
		Hasher: CheapHasher(), waiting: make(chan struct{}, 8), abandoned: make(chan struct{}, 8),
		released: released, release: sync.OnceFunc(func() { close(released) }),
	}
}

// Wait returns when one more request is held.
func (h *HeldHasher) Wait() { <-h.waiting }

// WaitAbandoned returns when the context of one more held request has ended.
func (h *HeldHasher) WaitAbandoned() { <-h.abandoned }

// Release lets all held requests go on, and holds no more.
func (h *HeldHasher) Release() { h.release() }

// Meanwhile calls send, calls do while the request is held, and returns the answer. It
// fails the test if the request is answered without being held.
func (h *HeldHasher) Meanwhile(t testing.TB, send func() Answer, do func()) Answer {
	t.Helper()
	defer h.Release()
	answered := make(chan Answer, 1)
	go func() { answered <- send() }()
	select {
	case <-h.waiting:
	case answer := <-answered:
		require.Fail(t, "the request hashes no password", "%+v", answer)
	}
	do()
	h.Release()
	return <-answered
}

func (h *HeldHasher) hold(ctx context.Context) {
	select {
	case h.waiting <- struct{}{}:
	case <-h.released:
		return
	}
	select {
	case <-h.released:
	case <-ctx.Done():
		h.abandoned <- struct{}{}
		<-h.released
	}
}

// Hash implements directory.Hasher.
func (h *HeldHasher) Hash(ctx context.Context, password string) (string, error) {
	h.hold(ctx)
	return h.Hasher.Hash(ctx, password)
}

// Verify implements directory.Hasher.
func (h *HeldHasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	h.hold(ctx)
	return h.Hasher.Verify(ctx, password, hash)
}

// PanickingHasher panics with the password as its value.
type PanickingHasher struct{}

// Hash implements directory.Hasher.
func (PanickingHasher) Hash(_ context.Context, password string) (string, error) { panic(password) }

// Verify implements directory.Hasher.
func (PanickingHasher) Verify(_ context.Context, password, _ string) (bool, error) { panic(password) }

// WatchedGate counts the requests that have their place in line.
type WatchedGate struct {
	gate    *fair.Gate
	entered atomic.Int64
}

// NewWatchedGate returns a gate with this many slots. With 0 slots, every request waits until it times out.
func NewWatchedGate(slots int) *WatchedGate { return &WatchedGate{gate: fair.NewGate(slots)} }

// Entered returns how many requests have got their place in line so far, or have got in at once.
func (g *WatchedGate) Entered() int { return int(g.entered.Load()) }

// Enter implements directory.Gate.
func (g *WatchedGate) Enter(ctx context.Context, turn directory.Turn) (leave func(), err error) {
	return g.gate.Enter(watchedContext{ctx, sync.OnceFunc(func() { g.entered.Add(1) })}, turn)
}

// watchedContext calls asked when somebody asks for its end. A gate does so when the request has its place in line.
type watchedContext struct {
	context.Context
	asked func()
}

func (c watchedContext) Done() <-chan struct{} {
	c.asked()
	return c.Context.Done()
}
