package password

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync/atomic"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"

	"userapi/internal/directory"
)

// Params returns the cost of a hash: 19 MiB of memory, two passes and one lane.
// Source: OWASP Password Storage Cheat Sheet, argon2id.
func Params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// queuedPerSlot is how many requests each queue has room for, per slot. At the real cost, one
// slot hashes that many passwords in two seconds.
const queuedPerSlot = 64

// Gate hashes passwords, at most one in each slot at the same time, because each takes memory
// and a core for tens of milliseconds. Log-ins, which may come from strangers, and new passwords
// wait in queues of their own, so that neither takes the room of the other. It is safe for
// concurrent use.
type Gate struct {
	params             *argon2id.Params
	slots              *semaphore.Weighted
	hashing, verifying queue
	dummyHash          string // has the cost of a real hash, but belongs to no password
}

// queue bounds how many requests wait for a slot.
type queue struct {
	capacity int64
	waiting  atomic.Int64
}

// NewGate returns a gate with 1 or more slots. With 0 slots, which only tests use, no request
// ever gets one.
func NewGate(params *argon2id.Params, slots int) *Gate {
	encoded := func(n uint32) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	g := &Gate{
		params: params,
		slots:  semaphore.NewWeighted(int64(slots)),
		dummyHash: fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, params.Memory, params.Iterations,
			params.Parallelism, encoded(params.SaltLength), encoded(params.KeyLength)),
	}
	g.hashing.capacity = queuedPerSlot * max(1, int64(slots))
	g.verifying.capacity = g.hashing.capacity
	return g
}

// Hash returns the hash of a password in PHC form, with a new salt. It hashes the password in
// Unicode NFC, so that the keyboard makes no difference (RFC 8265 §4.2.2). It waits for a slot
// until ctx ends, and then returns an error that wraps the context's. It fails with
// [directory.CodeUnavailable] if the queue for new passwords is full.
func (g *Gate) Hash(ctx context.Context, password string) (hash string, err error) {
	err = g.withSlot(ctx, &g.hashing, func() (err error) {
		hash, err = argon2id.CreateHash(norm.NFC.String(password), g.params)
		return err
	})
	return hash, err
}

// Verify reports whether the password has this hash, in PHC form. If hash is "", Verify takes as
// long and returns false. It waits as [Gate.Hash] does. It fails with
// [directory.CodeUnavailable] if the queue for log-ins is full.
func (g *Gate) Verify(ctx context.Context, password, hash string) (matches bool, err error) {
	if hash == "" {
		hash = g.dummyHash
	}
	err = g.withSlot(ctx, &g.verifying, func() (err error) {
		matches, err = argon2id.ComparePasswordAndHash(norm.NFC.String(password), hash)
		return err
	})
	return matches && hash != g.dummyHash, err
}

// withSlot does the work in a slot. It waits for one if q has room.
func (g *Gate) withSlot(ctx context.Context, q *queue, work func() error) error {
	if !g.slots.TryAcquire(1) {
		if err := g.waitForSlot(ctx, q); err != nil {
			return err
		}
	}
	defer g.slots.Release(1)
	if err := work(); err != nil {
		return fmt.Errorf("hash a password: %w", err)
	}
	return nil
}

func (g *Gate) waitForSlot(ctx context.Context, q *queue) error {
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > q.capacity {
		return &directory.Error{Code: directory.CodeUnavailable, Err: fmt.Errorf("%d requests already wait to hash a password", q.capacity)}
	}
	if err := g.slots.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	return nil
}
