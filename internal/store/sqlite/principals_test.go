package sqlite

import (
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
