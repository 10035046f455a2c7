package storetest

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// newToken returns a token of a user.
func newToken(id directory.UserID, secret ...any) *directory.NewToken {
	return &directory.NewToken{Hash: newHash(secret...), Token: directory.Token{
		UserID: id, Name: "t", Kind: directory.TokenMade, Created: newEvent("").At,
	}}
}

// When the change that ends a token is answered, every node refuses the token.
func endedTokensAreRefusedAtOnce(t *testing.T, db Database) {
	all := db.OpenNodes(t)
	ids := createMany(t, all[0], 40)
	for round := range 5 {
		for i, id := range ids {
			_, err := all[0].Change(t.Context(), directory.Operator(), id, func(f directory.Facts) (directory.Change, error) {
				return directory.Change{User: f.Target, Token: newToken(id, round, i), Event: newEvent(directory.OperationCreateToken)}, nil
			})
			require.NoError(t, err)
			for _, s := range all {
				_, err := s.Principal(t.Context(), newHash(round, i))
				require.NoError(t, err)
			}
		}
		for _, err := range atOnce(len(ids), func(i int) error {
			_, err := all[i%4].Change(t.Context(), directory.Operator(), ids[i], func(f directory.Facts) (directory.Change, error) {
				return directory.Change{User: f.Target, EndTokens: true, Event: newEvent(directory.OperationRevokeToken)}, nil
			})
			if err != nil {
				return err
			}
			_, err = all[(i+1)%4].Principal(t.Context(), newHash(round, i))
			return err
		}) {
			require.True(t, directory.IsCode(err, directory.CodeUnauthenticated), "%v", err)
		}
	}
}

// A token and its owner are read at one moment. In this test the owner is active only while the token does
// not exist.
func principalsAreReadAtOneMoment(t *testing.T, db Database) {
	all := db.OpenNodes(t)
	ada := createNamed(t, all[0], "ada", directory.RoleUser)
	setActive := func(active bool, token *directory.NewToken) {
		_, err := all[0].Change(t.Context(), directory.Operator(), ada.ID, func(f directory.Facts) (directory.Change, error) {
			change, err := set(func(u *directory.User) { u.IsActive = &active }, directory.FieldIsActive)(f)
			change.EndTokens, change.Token = true, token
			return change, err
		})
		require.NoError(t, err)
	}
	var hash atomic.Pointer[directory.TokenHash]
	var done atomic.Bool
	var reading sync.WaitGroup
	for i := range 3 {
		reading.Go(func() {
			for !done.Load() {
				if h := hash.Load(); h != nil {
					if p, err := all[i+1].Principal(t.Context(), *h); err == nil && p.User.Active() {
						t.Error("the token was never that of an active owner")
						return
					}
				}
			}
		})
	}
	for round := range 30 {
		token := newToken(ada.ID, round)
		setActive(false, token)
		hash.Store(&token.Hash)
		setActive(true, nil)
	}
	done.Store(true)
	reading.Wait()
}

// tokensAreListed: tokens are listed by owner and in order, and go with their owner.
func tokensAreListed(t *testing.T, db Database) {
	s := db.open(t)
	ids := createMany(t, s, 3)
	var all []directory.Token
	for round := range 4 {
		for _, id := range ids[:2] {
			token := newToken(id, round, id)
			_, err := s.Change(t.Context(), directory.Operator(), id, func(f directory.Facts) (directory.Change, error) {
				return directory.Change{User: f.Target, Token: token, Event: newEvent(directory.OperationCreateToken)}, nil
			})
			require.NoError(t, err)
			p, err := s.Principal(t.Context(), token.Hash)
			require.NoError(t, err)
			all = append(all, p.Token)
		}
	}
	requireTokens := func(owner directory.UserID) {
		t.Helper()
		want := []directory.Token{}
		for _, token := range all {
			if owner == 0 || owner == token.UserID {
				want = append(want, token)
			}
		}
		listed, err := s.Tokens(t.Context(), owner)
		require.NoError(t, err)
		require.Equal(t, want, listed)
	}
	for _, owner := range append(ids, 0, 4711) {
		requireTokens(owner)
	}
	ended := all[0]
	_, err := s.Change(t.Context(), directory.Operator(), ids[0], func(f directory.Facts) (directory.Change, error) {
		return directory.Change{User: f.Target, EndToken: ended.ID, Event: newEvent(directory.OperationRevokeToken)}, nil
	})
	require.NoError(t, err)
	all = all[1:]
	requireTokens(0)
	_, err = s.Token(t.Context(), ended.ID)
	require.True(t, directory.IsCode(err, directory.CodeNotFound), "%v", err)
	remove(t, s, ids[1])
	all = slices.DeleteFunc(all, func(token directory.Token) bool { return token.UserID == ids[1] })
	requireTokens(0)
	requireTokens(ids[1])
}
