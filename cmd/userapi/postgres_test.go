package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/store/storetest"
)

// Ten servers start at once on an empty PostgreSQL database: one of them makes user 1 and the token, and
// all of them serve. What one has changed, each of them and the command line see.
func TestManyServersOnPostgres(t *testing.T) {
	dir, setting := t.TempDir(), []string{"USERAPI_DATABASE=" + storetest.NewEmptyPostgres(t)}
	servers := apitest.AtOnce(10, func(int) *server { return startServer(t, dir, setting) })
	token := readToken(t, dir+"/userapi.token")
	for i, s := range servers {
		require.NotNil(t, s)
		status, body := s.sendRequest(t, token, "PUT", "/openapi/v1/users/1", `{"phone":"`+strings.Repeat("1", i+1)+`"}`)
		require.Equal(t, 200, status, body)
		status, body = servers[(i+1)%len(servers)].sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
		require.Equal(t, 200, status)
		require.Contains(t, body, `"phone":"`+strings.Repeat("1", i+1)+`"`)
	}
	list, stderr, code := runCommand(t, dir, setting, "token", "list")
	require.Zero(t, code, stderr)
	require.Equal(t, 1, strings.Count(list, "first start"), "one token")
	for _, s := range servers {
		s.terminate(t)
	}
	_, stderr, code = runCommand(t, dir, setting, "migrate")
	require.Zero(t, code, stderr)
}
