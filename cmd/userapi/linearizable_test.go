package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
	"userapi/internal/store/storetest"
)

// Two processes on one SQLite file answer as one server that does one thing after another, although
// each of them is killed again and again.
func TestKilledProcessesAreLinearizable(t *testing.T) {
	t.Parallel()
	requireLinearizable(t, 2, 2000, nil)
}

// Three nodes on one PostgreSQL database do so, too.
func TestKilledNodesAreLinearizableOnPostgres(t *testing.T) {
	requireLinearizable(t, 3, 2000, []string{"USERAPI_DATABASE=" + storetest.NewEmptyPostgres(t)})
}

// requireLinearizable kills a server with SIGKILL for every 200 requests, and starts it again.
func requireLinearizable(t *testing.T, processes, requests int, settings []string) {
	t.Helper()
	const clients, killEach, requestsEach = 8, 200, 100
	dir := t.TempDir()
	servers := make([]atomic.Pointer[server], processes)
	for i := range servers {
		servers[i].Store(startServer(t, dir, settings))
	}
	token := readToken(t, dir+"/userapi.token")
	var users []directory.UserID
	servers[0].Load().createUsers(t, token, requests/requestsEach) // with fewer, most of them would be deleted too soon
	for i := range requests / requestsEach {
		users = append(users, directory.UserID(2+i))
	}

	var sent atomic.Int64
	kills := make(chan struct{}, requests/killEach)
	history := apitest.NewHistory()
	go func() {
		defer close(kills)
		history.Run(t, clients, requests, users, func(method, path, body string, headers ...string) (apitest.Answer, error) {
			if sent.Add(1)%killEach == 0 {
				kills <- struct{}{}
			}
			for {
				s := servers[rand.IntN(processes)].Load()
				answer, err := s.attempt(t, token, method, path, body, headers...)
				if refused, ok := errors.AsType[*net.OpError](err); !ok || refused.Op != "dial" {
					return answer, err
				}
			}
		})
	}()
	killed := 0
	for range kills {
		s := &servers[killed%processes]
		old := s.Load()
		require.NoError(t, old.cmd.Process.Kill())
		<-old.logEnded
		require.Error(t, old.cmd.Wait())
		s.Store(startServer(t, dir, settings))
		killed++
	}
	t.Log(killed, "kills")
	require.True(t, history.Linearizable(t), "an answer contradicts the others")
	for i := range servers {
		code, log := servers[i].Load().terminate(t)
		require.Zero(t, code, fmt.Sprint("server ", i, ": ", log))
	}
}
