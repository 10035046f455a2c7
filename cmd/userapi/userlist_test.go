package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

func TestUserListPrintsUsers(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, nil, "user", "list")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no database")
	_, stderr, code = runCommand(t, dir, nil, "user", "list", "--enterprise-id=")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--enterprise-id: use ")

	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	for _, user := range []struct{ name, active string }{{"ada", "true"}, {"bob", "false"}, {"cy", "null"}} {
		status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users",
			fmt.Sprintf(`{"nick_name":%q,"password":"correct horse","enterprise_id":"acme","is_active":%s}`, user.name, user.active))
		require.Equal(t, 201, status, answer)
	}
	status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/administrators", `{"user_id":"2","eid":"acme"}`)
	require.Equal(t, 201, status, answer)
	list, stderr, code := runCommand(t, dir, nil, "user", "list")
	require.Equal(t, 0, code, stderr)
	require.Regexp(t, `^ID +NAME +ENTERPRISE +ROLE +STATE
1 +admin +default +system_administrator +active
2 +ada +acme +administrator +active
3 +bob +acme +user +inactive
4 +cy +acme +user +undecided
$`, list)
	list, _, code = runCommand(t, dir, nil, "user", "list", "--enterprise-id=default")
	require.Equal(t, 0, code)
	require.Regexp(t, `^ID .*\n1 .*\n$`, list)
	list, _, code = runCommand(t, dir, nil, "user", "list", "--enterprise-id=acme")
	require.Equal(t, 0, code)
	require.Regexp(t, `^ID .*\n2 .*\n3 .*\n4 .*\n$`, list)
	list, _, code = runCommand(t, dir, nil, "user", "list", "--enterprise-id=nobody")
	require.Equal(t, 0, code)
	require.Equal(t, 1, strings.Count(list, "\n"))
}

// deletingStore has users with the numbers from 1. After each read, it deletes some of them, as a
// server does while they are listed.
type deletingStore struct {
	directory.Store
	users  []directory.User
	remove func([]directory.User) []directory.User
	most   int // users in one read
}

// UsersAfter implements directory.Store.
func (s *deletingStore) UsersAfter(_ context.Context, _ directory.UserFilter, id directory.UserID, limit int) ([]directory.User, error) {
	begin := slices.IndexFunc(s.users, func(u directory.User) bool { return u.ID > id })
	if begin < 0 {
		return nil, nil
	}
	users := slices.Clone(s.users[begin:min(begin+limit, len(s.users))])
	s.users = s.remove(s.users)
	s.most = max(s.most, limit)
	return users, nil
}

// All users who are not deleted are listed, once and in their order, however many others are
// deleted meanwhile. No read has more than a page.
func TestUserListSkipsNobodyWhileUsersAreDeleted(t *testing.T) {
	const total = 10*usersPerRead + 7
	for name, remove := range map[string]func([]directory.User) []directory.User{
		"nobody":        func(users []directory.User) []directory.User { return users },
		"the first":     func(users []directory.User) []directory.User { return users[1:] },
		"many in front": func(users []directory.User) []directory.User { return users[min(300, len(users)/2):] },
		"every seventh": func(users []directory.User) []directory.User {
			return slices.DeleteFunc(users, func(u directory.User) bool { return u.ID%7 == 0 })
		},
		"most, once": func(users []directory.User) []directory.User {
			if len(users) == total {
				return users[total-usersPerRead:]
			}
			return users
		},
	} {
		store := &deletingStore{remove: remove}
		for id := directory.UserID(1); id <= total; id++ {
			store.users = append(store.users, directory.User{ID: id})
		}
		var listed []directory.UserID
		require.NoError(t, eachPage(t.Context(), &directory.Service{Store: store}, "", func(users []directory.User) error {
			for _, u := range users {
				listed = append(listed, u.ID)
			}
			return nil
		}), name)
		require.True(t, slices.IsSorted(listed), name)
		require.Equal(t, slices.Compact(slices.Clone(listed)), listed, name)
		for _, u := range store.users {
			_, found := slices.BinarySearch(listed, u.ID)
			require.True(t, found, "%s: user %s", name, u.ID)
		}
		require.EqualValues(t, usersPerRead, store.most, name)
	}
}
