package sqlite

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// newPrincipal returns a principal with this token, and the token's hash.
func newPrincipal(user directory.UserID, token byte) (directory.TokenHash, directory.Principal) {
	return directory.TokenHash{token}, directory.Principal{
		User: directory.User{ID: user}, Token: directory.Token{ID: int64(token), UserID: user},
	}
}

func TestCacheIsInvalidated(t *testing.T) {
	hash, p := newPrincipal(2, 1)
	other, q := newPrincipal(3, 2)
	for name, forget := range map[string]func(*principals){
		"changed by this process":        func(c *principals) { c.MarkDirty(2); c.DropDirty() },
		"changed by another process":     func(c *principals) { c.Validate(time.Now(), 2, true) },
		"data_version could not be read": func(c *principals) { c.Validate(time.Now(), 1, false) },
		"not validated for too long":     func(c *principals) { c.Validate(time.Now().Add(-time.Second), 1, true) },
		"purged":                         func(c *principals) { c.Purge() },
	} {
		c := newPrincipals()
		c.Validate(time.Now(), 1, true)
		_, found, generation := c.Get(hash)
		require.False(t, found)
		c.Add(hash, p, generation)
		c.Add(other, q, generation)
		got, found, _ := c.Get(hash)
		require.True(t, found)
		require.Equal(t, p, got)
		c.Validate(time.Now(), 1, true)
		_, found, generation = c.Get(hash)
		require.True(t, found, "nothing has changed")

		forget(c)
		_, found, _ = c.Get(hash)
		require.False(t, found, name)
		if name == "changed by this process" {
			_, found, _ = c.Get(other)
			require.True(t, found, "the other user is not dirty")
		}
		if name != "not validated for too long" {
			c.Add(hash, p, generation)
			_, found, _ = c.Get(hash)
			require.False(t, found, "%s: a principal that was read before must not be added", name)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newPrincipals()
	c.Validate(time.Now(), 1, true)
	for i := range 2 * maxPrincipals {
		hash, p := directory.TokenHash{byte(i), byte(i >> 8)}, directory.Principal{User: directory.User{ID: directory.UserID(i + 1)}}
		_, _, generation := c.Get(hash)
		c.Add(hash, p, generation)
		_, found, _ := c.Get(hash)
		require.True(t, found)
	}
	require.Len(t, c.hashes, maxPrincipals)
	require.Len(t, c.users, maxPrincipals)
}

// If an earlier unit of the batch has changed a user, a unit does not use the cache for the user.
func TestUnitsSeeEarlierChangesOfTheirBatch(t *testing.T) {
	s := openStore(t)
	hash := directory.TokenHash{1}
	insertHolder(t, s, "ada", hash)
	p, err := s.Principal(t.Context(), hash)
	require.NoError(t, err)
	_, found, _ := s.cache.Get(hash)
	require.True(t, found)
	act := func(tx session) error {
		actor, err := findActor(tx, p)
		if err == nil && !actor.User.Active() {
			err = &directory.Error{Code: directory.CodeForbidden}
		}
		return err
	}
	change := func(change directory.Change) func(session) error {
		return func(tx session) error {
			change.User = p.User
			change.User.IsActive = nil
			change.Event = &directory.Event{At: time.Now()}
			_, err := applyChange(tx, change, directory.Operator())
			return err
		}
	}
	errs := writeInOneBatch(t, s, act, change(directory.Change{Fields: []directory.Field{directory.FieldIsActive}}), act)
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	require.True(t, directory.IsCode(errs[2], directory.CodeForbidden), "%v", errs[2])
	_, found, _ = s.cache.Get(hash)
	require.False(t, found)

	p, err = s.Principal(t.Context(), hash)
	require.NoError(t, err)
	errs = writeInOneBatch(t, s, change(directory.Change{EndTokens: true}), act)
	require.NoError(t, errs[0])
	require.True(t, directory.IsCode(errs[1], directory.CodeUnauthenticated), "%v", errs[1])
	_, err = s.Principal(t.Context(), hash)
	require.True(t, directory.IsCode(err, directory.CodeUnauthenticated))
}

// When a write that ends a token returns, the token is refused, whichever write of the batch
// returns first.
func TestAcknowledgedRevocationIsInEffect(t *testing.T) {
	s := openStore(t)
	const rounds, users = 20, 50
	var ids []directory.UserID
	for i := range users {
		ids = append(ids, insertHolder(t, s, fmt.Sprint("user", i), directory.TokenHash{byte(i)}))
	}
	change := func(id directory.UserID, c directory.Change) error {
		_, err := s.Change(t.Context(), directory.Operator(), id, func(f directory.Facts) (directory.Change, error) {
			c.User, c.Event = f.Target, &directory.Event{At: time.Now()}
			return c, nil
		})
		return err
	}
	for round := range rounds {
		var ending sync.WaitGroup
		for i, id := range ids {
			hash := directory.TokenHash{byte(i), byte(round), 1}
			token := newHolderToken(id, hash)
			require.NoError(t, change(id, directory.Change{Token: &token}))
			_, err := s.Principal(t.Context(), hash)
			require.NoError(t, err)
		}
		release := holdWriter(s)
		for i, id := range ids {
			ending.Go(func() {
				if err := change(id, directory.Change{EndTokens: true}); err != nil {
					t.Error(err)
				}
				if _, err := s.Principal(t.Context(), directory.TokenHash{byte(i), byte(round), 1}); err == nil {
					t.Error("an ended token is accepted")
				}
			})
		}
		for len(s.writer.queue) < users {
			runtime.Gosched()
		}
		release()
		ending.Wait()
	}
}

// A token and its owner are read at one moment. In this test the owner is active only while
// the token does not exist.
func TestPrincipalIsReadInOneSnapshot(t *testing.T) {
	s := openStore(t)
	id := insertHolder(t, s, "ada", directory.TokenHash{})
	setActive := func(active bool, token *directory.NewToken) {
		_, err := s.Change(t.Context(), directory.Operator(), id, func(f directory.Facts) (directory.Change, error) {
			user := f.Target
			user.IsActive = &active
			user.Version++
			return directory.Change{
				User: user, Fields: []directory.Field{directory.FieldIsActive}, EndTokens: true, Token: token, Event: &directory.Event{At: time.Now()},
			}, nil
		})
		require.NoError(t, err)
	}
	var hash atomic.Pointer[directory.TokenHash]
	var done atomic.Bool
	var reading sync.WaitGroup
	for range 3 {
		reading.Go(func() {
			for !done.Load() {
				if h := hash.Load(); h != nil {
					if p, err := findPrincipal(s.readSession, tokenByHash, h[:]); err == nil && p.User.Active() {
						t.Error("the token was never that of an active owner")
						return
					}
				}
			}
		})
	}
	for round := range 100 {
		token := newHolderToken(id, directory.TokenHash{byte(round), byte(round >> 8), 1})
		setActive(false, &token)
		hash.Store(&token.Hash)
		setActive(true, nil)
	}
	done.Store(true)
	reading.Wait()
}
