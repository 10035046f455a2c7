package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
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

// Failed log-ins count over all servers of a PostgreSQL database.
func TestFailedLogInsCountOverAllServersOnPostgres(t *testing.T) {
	dir, setting := t.TempDir(), []string{"USERAPI_DATABASE=" + storetest.NewEmptyPostgres(t), "USERAPI_LOGIN_LIMIT=4"}
	one, other := startServer(t, dir, setting), startServer(t, dir, setting)
	logIn := func(s *server) int {
		status, _ := s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", `{"username":"default/admin","password":"wrong password"}`)
		return status
	}
	require.Equal(t, []int{401, 401, 401, 401, 429, 429},
		[]int{logIn(one), logIn(other), logIn(one), logIn(other), logIn(one), logIn(other)})
	one.terminate(t)
	other.terminate(t)
}

// E-mail addresses that were taken count over all servers of a PostgreSQL database.
func TestTakenAddressesCountOverAllServersOnPostgres(t *testing.T) {
	dir, setting := t.TempDir(), []string{"USERAPI_DATABASE=" + storetest.NewEmptyPostgres(t)}
	one, other := startServer(t, dir, setting), startServer(t, dir, setting)
	token := readToken(t, dir+"/userapi.token")
	one.createUsers(t, token, 1)
	status, answer := one.sendRequest(t, token, "PUT", "/openapi/v1/users/1", `{"email":"taken@example.com"}`)
	require.Equal(t, 200, status, answer)
	made, stderr, code := runCommand(t, dir, setting, "token", "create", "--user=2", "--name=robot")
	require.Zero(t, code, stderr)
	set := func(s *server, email string) int {
		status, _ := s.sendRequest(t, strings.TrimSpace(made), "PUT", "/openapi/v1/users/2", `{"email":"`+email+`"}`)
		return status
	}
	for range 5 {
		require.Equal(t, []int{409, 409}, []int{set(one, "taken@example.com"), set(other, "taken@example.com")})
	}
	require.Equal(t, []int{429, 429}, []int{set(one, "free@example.com"), set(other, "free@example.com")})
	one.terminate(t)
	other.terminate(t)
}

// While the primary is gone, the server says so without flooding its log. When the standby is promoted, the
// server goes on by itself: each change that it has acknowledged was made once.
func TestPostgresFailsOver(t *testing.T) {
	t.Run("killed", func(t *testing.T) { failOver(t, (*storetest.Cluster).Kill, "connection refused") })
	t.Run("hung", func(t *testing.T) { failOver(t, (*storetest.Cluster).Hang, "deadline exceeded") })
}

func failOver(t *testing.T, fault func(*storetest.Cluster, testing.TB), cause string) {
	t.Helper()
	pair, dir := storetest.NewPair(t), t.TempDir()
	s := startServer(t, dir, []string{"USERAPI_DATABASE=" + pair.Address()})
	token := readToken(t, dir+"/userapi.token")
	const clients = 8
	s.createUsers(t, token, clients)
	list := func() int {
		status, _ := s.sendRequest(t, token, "GET", "/openapi/v1/users", "")
		return status
	}
	require.Equal(t, 200, list())
	var acknowledged, unknown [clients]atomic.Int64
	var refused atomic.Int64
	eachWrites := func() {
		t.Helper()
		for i := range acknowledged {
			before := acknowledged[i].Load()
			require.Eventually(t, func() bool { return acknowledged[i].Load() > before }, 5*time.Minute, pollInterval)
		}
	}
	var running sync.WaitGroup
	stop := make(chan struct{})
	for i := range clients {
		running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				status, answer := s.sendRequest(t, token, "PUT", fmt.Sprintf("/openapi/v1/users/%d", i+2), fmt.Sprintf(`{"phone":"%d"}`, n))
				switch status {
				case 200:
					acknowledged[i].Add(1)
				case 503: // the contract, which the client checks, demands Retry-After
					refused.Add(1)
				case 500:
					unknown[i].Add(1)
				default:
					t.Error(status, answer)
					return
				}
			}
		})
	}
	eachWrites()
	fault(pair.Primary, t)
	require.Eventually(t, func() bool { return refused.Load() >= 3 }, 5*time.Minute, pollInterval)
	ops := *s
	ops.url, ops.client = s.opsURL(t), http.DefaultClient // these paths are not in the contract
	status, answer := ops.sendRequest(t, "", "GET", "/readyz", "")
	require.Equal(t, 503, status)
	require.Contains(t, answer, "not ready: unavailable: the database cannot be reached: ")
	require.Contains(t, answer, cause)
	status, answer = s.sendRequest(t, "", "GET", "/readyz", "")
	require.Equal(t, 503, status)
	require.Contains(t, answer, "The database cannot be reached.")
	require.NotContains(t, answer, "127.0.0.1")
	status, _ = ops.sendRequest(t, "", "GET", "/healthz", "")
	require.Equal(t, 200, status)
	require.Equal(t, 503, list())
	require.Equal(t, 1, strings.Count(s.log.String(), "the database cannot be reached"), s.log.String())

	pair.Standby.Promote(t)
	eachWrites()
	require.Equal(t, 200, list())
	status, _ = ops.sendRequest(t, "", "GET", "/readyz", "")
	require.Equal(t, 200, status)
	close(stop)
	running.Wait()
	for i := range clients {
		version, err := strconv.ParseInt(pair.Standby.Ask(t, fmt.Sprintf("SELECT version FROM users WHERE id = %d", i+2)), 10, 64)
		require.NoError(t, err)
		made := acknowledged[i].Load()
		require.GreaterOrEqual(t, version, 1+made, "lost")
		require.LessOrEqual(t, version, 1+made+unknown[i].Load(), "made twice")
	}
	code, log := s.terminate(t)
	require.Zero(t, code, log)
}

// On PostgreSQL, too, a server says that another start has ended its operator's token.
func TestOperatorTokenThatAnotherStartEndsOnPostgres(t *testing.T) {
	requireOperatorWarning(t, []string{"USERAPI_DATABASE=" + storetest.NewEmptyPostgres(t)})
}

// migrate lists old names on PostgreSQL, too, where a copy of an older database has brought them.
func TestMigrateListsOldNamesOnPostgres(t *testing.T) {
	dir, database := t.TempDir(), storetest.NewPostgres(t)
	db, err := sql.Open("pgx", database)
	require.NoError(t, err)
	for id, name := range []string{"\uff41da", "Ada", "a\u200bb"} {
		_, err := db.ExecContext(t.Context(), `INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, phone, create_time)
			VALUES ($1, 1, $2, $3, 'default', 'user', '', 0)`, id+1, name, directory.FoldCase(name))
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	stdout, stderr, code := runCommand(t, dir, []string{"USERAPI_DATABASE=" + database}, "migrate")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, `user 1, default/"\uff41da": it differs from the name of user 2 only`)
	require.Contains(t, stdout, `user 3, default/"a\u200bb": it is not `)
	require.NotContains(t, stdout, "user 2, ")
}
