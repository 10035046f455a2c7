package httpapi_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// brokenStore is a store that is broken on purpose, in one way.
type brokenStore struct {
	directory.Store
	way   string
	calls atomic.Int64
	old   sync.Map // users as they were when they were read first
}

// sometimes is true for every 20th call.
func (b *brokenStore) sometimes(way string) bool { return b.way == way && b.calls.Add(1)%20 == 0 }

func (b *brokenStore) User(ctx context.Context, id directory.UserID) (directory.User, error) {
	user, err := b.Store.User(ctx, id)
	old, _ := b.old.LoadOrStore(id, user)
	if err == nil && b.sometimes("stale read") {
		return old.(directory.User), nil
	}
	return user, err
}

func (b *brokenStore) Change(ctx context.Context, p directory.Principal, id directory.UserID, decide directory.Decide) (directory.User, error) {
	var decided directory.Change
	lost := b.sometimes("lost write")
	user, err := b.Store.Change(ctx, p, id, func(f directory.Facts) (change directory.Change, err error) {
		if decided, err = decide(f); err != nil || !lost {
			return decided, err
		}
		return directory.Change{User: decided.User}, nil
	})
	if err == nil && b.sometimes("write twice") {
		return b.Store.Change(ctx, p, id, decide)
	}
	return user, err
}

// A store that loses a write, writes twice or reads an old state is caught.
func TestHistoriesOfBrokenStores(t *testing.T) {
	for way, linearizable := range map[string]bool{"": true, "lost write": false, "write twice": false, "stale read": false} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := apitest.Start(t, apitest.Config{Store: func(s directory.Store) directory.Store { return &brokenStore{Store: s, way: way} }})
			var users []directory.UserID
			for i := range 8 {
				users = append(users, s.CreateUser(t, fmt.Sprint("user", i)).ID)
			}
			history := apitest.NewHistory()
			history.Run(t, 8, 1600, users, func(method, path, body string, headers ...string) (apitest.Answer, error) {
				return s.Send(t, method, path, body, headers...), nil
			})
			require.Equal(t, linearizable, history.Linearizable(t))
		})
	}
}
