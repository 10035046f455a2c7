package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// holderOf returns a principal with this token.
func holderOf(user directory.UserID, token byte) (directory.TokenHash, directory.Principal) {
	return directory.TokenHash{token}, directory.Principal{
		User: directory.User{ID: user}, Token: directory.Token{ID: int64(token), UserID: user},
	}
}

func TestPrincipalsAreForgotten(t *testing.T) {
	hash, p := holderOf(2, 1)
	other, q := holderOf(3, 2)
	for name, forget := range map[string]func(*principals){
		"changed by this process":    func(c *principals) { c.touch(2); c.settle() },
		"changed by another process": func(c *principals) { c.see(time.Now(), 2, true) },
		"nobody knows by whom":       func(c *principals) { c.see(time.Now(), 1, false) },
		"not looked for too long":    func(c *principals) { c.see(time.Now().Add(-time.Second), 1, true) },
		"all":                        func(c *principals) { c.forgetAll() },
	} {
		c := newPrincipals()
		c.see(time.Now(), 1, true)
		_, found, changes := c.find(hash)
		require.False(t, found)
		c.keep(hash, p, changes)
		c.keep(other, q, changes)
		got, found, _ := c.find(hash)
		require.True(t, found)
		require.Equal(t, p, got)
		c.see(time.Now(), 1, true)
		_, found, changes = c.find(hash)
		require.True(t, found, "nobody has changed anything")

		forget(c)
		_, found, _ = c.find(hash)
		require.False(t, found, name)
		if name == "changed by this process" {
			_, found, _ = c.find(other)
			require.True(t, found, "of another user")
		}
		if name != "not looked for too long" {
			c.keep(hash, p, changes)
			_, found, _ = c.find(hash)
			require.False(t, found, "what was read before must not be kept: %s", name)
		}
	}
}

// The cache is bounded, whoever fills it.
func TestPrincipalsAreBounded(t *testing.T) {
	c := newPrincipals()
	c.see(time.Now(), 1, true)
	for i := range 2 * maxPrincipals {
		hash, p := directory.TokenHash{byte(i), byte(i >> 8)}, directory.Principal{User: directory.User{ID: directory.UserID(i + 1)}}
		_, _, changes := c.find(hash)
		c.keep(hash, p, changes)
		_, found, _ := c.find(hash)
		require.True(t, found)
	}
	require.Len(t, c.hashes, maxPrincipals)
	require.Len(t, c.users, maxPrincipals)
}

// What a unit has changed, the units behind it in the batch see.
func TestActorsAreReadAnewInABatch(t *testing.T) {
	s := open(t)
	hash, p := holderOf(1, 1)
	active := true
	require.NoError(t, s.writer.do(t.Context(), func(tx session) error {
		user, err := insertUser(tx, directory.User{
			Version: 1, NickName: "ada", EnterpriseID: "default", Role: directory.RoleUser, IsActive: &active, CreateTime: time.Now(),
		}, "")
		if err != nil {
			return err
		}
		token := p.Token
		token.UserID, token.Name, token.Kind, token.Created = user.ID, "t", directory.TokenMade, time.Now()
		return insertToken(tx, directory.NewToken{Token: token, Hash: hash})
	}))
	p, err := s.Principal(t.Context(), hash)
	require.NoError(t, err)
	_, found, _ := s.cache.find(hash)
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
			_, err := carryOut(tx, change, directory.Operator())
			return err
		}
	}
	errs := batch(t, s, act, change(directory.Change{Fields: []directory.Field{directory.FieldIsActive}}), act)
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	require.True(t, directory.IsCode(errs[2], directory.CodeForbidden), "%v", errs[2])
	_, found, _ = s.cache.find(hash)
	require.False(t, found)

	p, err = s.Principal(t.Context(), hash)
	require.NoError(t, err)
	errs = batch(t, s, change(directory.Change{EndTokens: true}), act)
	require.NoError(t, errs[0])
	require.True(t, directory.IsCode(errs[1], directory.CodeUnauthenticated), "%v", errs[1])
	_, err = s.Principal(t.Context(), hash)
	require.True(t, directory.IsCode(err, directory.CodeUnauthenticated))
}
