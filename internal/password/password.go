// Package password hashes passwords with argon2id (RFC 9106), a few at a time.
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

// Params is the cost of a hash: 19 MiB, two passes, one lane.
// Source: OWASP Password Storage Cheat Sheet, argon2id.
func Params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// queuedPerSlot is how many of a kind may wait for each place: two seconds, at the real cost.
const queuedPerSlot = 64

// Gate hashes at most as many passwords at once as it has places: each costs memory
// and a core for tens of milliseconds. A few more may wait. Those who want to log in,
// strangers perhaps, and those who have a password hashed do not take each other's room.
type Gate struct {
	params             *argon2id.Params
	slots              *semaphore.Weighted
	hashing, verifying queue
	dummyHash          string // a hash of the same cost that is no password's
}

// queue counts who waits.
type queue struct {
	capacity int64
	waiting  atomic.Int64
}

// NewGate returns a gate with this many places, 1 or more.
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

// Hash returns the password's hash in PHC form, with a salt of its own. It waits for
// a place until ctx ends and then returns the context's error. CodeUnavailable: too many
// wait. The password is brought to Unicode NFC first, so that it does not depend on the
// keyboard (RFC 8265 §4.2.2).
func (g *Gate) Hash(ctx context.Context, password string) (hash string, err error) {
	err = g.withSlot(ctx, &g.hashing, func() (err error) {
		hash, err = argon2id.CreateHash(norm.NFC.String(password), g.params)
		return err
	})
	return hash, err
}

// Verify reports whether the hash, in PHC form, is the password's. It waits as Hash
// does. With "" as the hash it works as long, and it is not.
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

// withSlot does the work when there is a place, unless as many wait already as may.
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
		return &directory.Error{Code: directory.CodeUnavailable, Err: fmt.Errorf("%d wait to hash a password", q.capacity)}
	}
	if err := g.slots.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait to hash a password: %w", err)
	}
	return nil
}
