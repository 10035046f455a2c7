// Package password hashes passwords with argon2id (RFC 9106), a few at a time.
package password

import (
	"context"
	"fmt"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"
)

// Params is the cost of a hash: 19 MiB, two passes, one lane.
// Source: OWASP Password Storage Cheat Sheet, argon2id.
func Params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Gate hashes at most as many passwords at once as it has places: each costs memory
// and a core for tens of milliseconds.
type Gate struct {
	params *argon2id.Params
	places *semaphore.Weighted
}

// NewGate returns a gate with this many places, 1 or more.
func NewGate(params *argon2id.Params, places int) *Gate {
	return &Gate{params: params, places: semaphore.NewWeighted(int64(places))}
}

// Hash returns the password's hash in PHC form, with a salt of its own. It waits for
// a place until ctx ends and then returns the context's error. The password is
// brought to Unicode NFC first, so that it does not depend on the keyboard
// (RFC 8265 §4.2.2).
func (g *Gate) Hash(ctx context.Context, password string) (string, error) {
	if err := g.places.Acquire(ctx, 1); err != nil {
		return "", fmt.Errorf("wait to hash a password: %w", err)
	}
	defer g.places.Release(1)
	hash, err := argon2id.CreateHash(norm.NFC.String(password), g.params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}
