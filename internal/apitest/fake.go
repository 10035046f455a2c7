package apitest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/password"
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
		Hasher: CheapGate(), waiting: make(chan struct{}, 8), abandoned: make(chan struct{}, 8),
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

// FullHasher never has a free slot: every request waits until it times out.
type FullHasher struct {
	gate    *password.Gate
	entered atomic.Int64
}

// NewFullHasher returns a FullHasher that no request has entered.
func NewFullHasher() *FullHasher { return &FullHasher{gate: password.NewGate(password.Params(), 0)} }

// Entered returns how many requests have waited so far.
func (h *FullHasher) Entered() int { return int(h.entered.Load()) }

// Hash implements directory.Hasher.
func (h *FullHasher) Hash(ctx context.Context, password string) (string, error) {
	h.entered.Add(1)
	return h.gate.Hash(ctx, password)
}

// Verify implements directory.Hasher.
func (h *FullHasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	h.entered.Add(1)
	return h.gate.Verify(ctx, password, hash)
}
