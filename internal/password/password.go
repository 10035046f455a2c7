package password

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
)

// Params returns the cost of a hash: 19 MiB of memory, two passes and one lane.
// Source: OWASP Password Storage Cheat Sheet, argon2id.
func Params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// CheapestParams returns the lowest cost of argon2id (RFC 9106 §3.1). Its hashes are no protection: they are only for
// passwords that are no secrets.
func CheapestParams() *argon2id.Params {
	return &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Hasher hashes passwords. Each hash takes memory and a core for tens of milliseconds. It is safe
// for concurrent use.
type Hasher struct {
	params    *argon2id.Params
	dummyHash string // has the cost of a real hash, but belongs to no password
}

// NewHasher returns a hasher of this cost.
func NewHasher(params *argon2id.Params) *Hasher {
	encoded := func(n uint32) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	return &Hasher{
		params: params,
		dummyHash: fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, params.Memory, params.Iterations,
			params.Parallelism, encoded(params.SaltLength), encoded(params.KeyLength)),
	}
}

// Hash returns the hash of a password in PHC form, with a new salt. It hashes the password as
// OpaqueString (RFC 8265 §4.2), so that the keyboard makes no difference. If ctx has ended, it
// does nothing and returns an error that wraps the context's.
func (h *Hasher) Hash(ctx context.Context, password string) (hash string, err error) {
	if err = ctx.Err(); err == nil {
		hash, err = argon2id.CreateHash(spellings(password)[0], h.params)
	}
	return hash, wrap(err)
}

// Verify reports whether the password has this hash, in PHC form, which may be older than the
// preparation as OpaqueString. If hash is "", Verify takes as long and returns false. If ctx has ended, it
// does nothing and returns an error that wraps the context's.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (matches bool, err error) {
	if hash == "" {
		hash = h.dummyHash
	}
	for _, spelling := range spellings(password) {
		if err = ctx.Err(); err == nil {
			matches, err = argon2id.ComparePasswordAndHash(spelling, hash)
		}
		if matches || err != nil {
			break
		}
	}
	return matches && hash != h.dummyHash, wrap(err)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("hash a password: %w", err)
	}
	return nil
}
