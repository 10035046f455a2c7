package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Acknowledged changes are there after SIGTERM and a new start.
func TestChangesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users", adaBody)
	require.Equal(t, 201, status, answer)
	status, answer = s.sendRequest(t, token, "PUT", "/openapi/v1/users/2", updateBody)
	require.Equal(t, 200, status)
	require.JSONEq(t, updateAnswer, answer)
	code, log := s.terminate(t)
	require.Equal(t, 0, code, log)
	require.Contains(t, log, "first start")
	require.Contains(t, log, "userapi.token")
	require.NotContains(t, log, token)
	for _, name := range []string{"userapi.db-wal", "userapi.db-shm"} {
		require.NoFileExists(t, filepath.Join(dir, name), "the WAL was moved into the database")
	}

	db := openDatabase(t, dir)
	var hash string
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT password_hash FROM users WHERE id = 2`).Scan(&hash))
	require.NoError(t, db.Close())
	require.Contains(t, hash, "$argon2id$v=19$m=19456,t=2,p=1$")

	s = startServer(t, dir, nil)
	status, answer = s.sendRequest(t, token, "PUT", "/openapi/v1/users/2", "")
	require.Equal(t, 200, status)
	require.JSONEq(t, updateAnswer, answer)
	code, log = s.signalAndWait(t, syscall.SIGINT)
	require.Equal(t, 0, code)
	require.NotContains(t, log, "first start")
}

// After SIGTERM, the server finishes the requests that it has accepted.
func TestStopFinishesAcceptedRequests(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	answer := apitest.SendInTwoParts(t, "PUT", s.url+"/openapi/v1/users/1", token, `{"phone":"1"}`, func() {
		require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
		for {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/healthz", nil)
			require.NoError(t, err)
			request.Close = true
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				break // it no longer accepts
			}
			require.NoError(t, response.Body.Close())
		}
	})
	require.Equal(t, 200, answer.Status)
	<-s.logEnded
	require.NoError(t, s.cmd.Wait())
}

// A client that never finishes its request delays the stop, which still exits with 0.
func TestStopDoesNotWaitForAStalledClient(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	stallRequest(t, s.url, readToken(t, filepath.Join(dir, "userapi.token")))
	signalled := time.Now()
	code, log := s.terminate(t)
	requireStoppedInTime(t, signalled)
	require.Equal(t, 0, code, log)
}

// stallRequest sends a request without its body, which the server has asked for.
func stallRequest(t *testing.T, url, token string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	_, err = fmt.Fprintf(conn, "PUT /openapi/v1/users/1 HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", token)
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
}

// The server refuses requests whose headers are longer than 16 KiB.
func TestLongHeadersAreRefused(t *testing.T) {
	s := startServer(t, t.TempDir(), nil)
	for size, status := range map[int]int{15000: 200, 17000: 431} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/healthz", nil)
		require.NoError(t, err)
		request.Header.Set("X-Long", strings.Repeat("x", size))
		response, err := http.DefaultClient.Do(request) // s.client would refuse 431, because it comes from net/http and is not in the contract
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode)
	}
}

// The server answers 503 to requests that are still queued when it stops.
func TestStopAnswersQueuedRequests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	db := openDatabase(t, dir)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	const clients = 20
	statuses := make(chan int, clients)
	for i := range clients {
		go func() {
			status, _ := s.sendRequest(t, token, "PUT", "/openapi/v1/users/1", fmt.Sprintf(`{"phone":"%d"}`, i))
			statuses <- status
		}()
	}
	require.Equal(t, 503, <-statuses, "the first request has met the lock")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	for range clients - 1 {
		require.Equal(t, 503, <-statuses)
	}
	<-s.logEnded
	require.NoError(t, s.cmd.Wait())
	require.NotContains(t, s.log.String(), "status=499", "the server gave up, not the client")
	require.NoError(t, conn.Close())
	require.NoError(t, db.Close())
}

// The server goes on when the reader of its log has ended.
func TestServerOutlivesItsLogReader(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	require.NoError(t, s.stderr.Close())
	<-s.logEnded
	for range 2 {
		status, _ := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
		require.Equal(t, 200, status)
	}
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.cmd.Wait())
}

// Updates of different members of one user all take effect if they are sent at the same
// moment, to two servers on one database.
func TestTwoServersLoseNoUpdate(t *testing.T) {
	t.Parallel()
	const rounds = 1000
	dir := t.TempDir()
	first := startServer(t, dir, nil)
	second := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	for _, name := range []string{"ada", "bob"} {
		status, answer := first.sendRequest(t, token, "POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", name, 1))
		require.Equal(t, 201, status, answer)
	}
	for round := range rounds {
		writes := []struct {
			server     *server
			path, body string
		}{
			{first, "/openapi/v1/users/2", fmt.Sprintf(`{"phone":"%d"}`, round)},
			{first, "/openapi/v1/users/2", fmt.Sprintf(`{"email":"ada%d@example.com"}`, round)},
			{second, "/openapi/v1/users/2", fmt.Sprintf(`{"is_active":%v}`, round%2 == 0)},
			{second, "/openapi/v1/users/3", fmt.Sprintf(`{"phone":"%d"}`, round)},
		}
		statuses := make(chan int)
		for _, w := range writes {
			go func() {
				status, _ := w.server.sendRequest(t, token, "PUT", w.path, w.body)
				statuses <- status
			}()
		}
		for range writes {
			require.Equal(t, 200, <-statuses)
		}
		status, answer := second.sendRequest(t, token, "PUT", "/openapi/v1/users/2", "")
		require.Equal(t, 200, status)
		for _, member := range []string{
			fmt.Sprintf(`"phone":"%d"`, round), fmt.Sprintf(`"email":"ada%d@example.com"`, round), fmt.Sprintf(`"is_active":%v`, round%2 == 0),
		} {
			require.Contains(t, answer, member)
		}
	}
	list, _, code := runCommand(t, dir, nil, "audit", "--user=2")
	require.Equal(t, 0, code)
	require.Equal(t, 3*rounds, strings.Count(list, " updateUser "), "each update has its audit row")
}

// If a port is taken, the start fails and changes nothing.
func TestTakenPortChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, t.TempDir(), nil)
	taken := strings.TrimPrefix(s.url, "http://")
	for _, flag := range []string{"--listen", "--ops-listen"} {
		_, stderr, code := runCommand(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", flag+"="+taken)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, flag)
		require.Contains(t, stderr, "address already in use")
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestOpsListenerServesMetricsAndProfiles(t *testing.T) {
	for _, pprof := range []bool{false, true} {
		s := startServer(t, t.TempDir(), nil, fmt.Sprintf("--pprof=%v", pprof), "--log-level=info", "--log-format=text")
		status, _ := s.sendRequest(t, "", "GET", "/metrics", "")
		require.Equal(t, 404, status, "the public listener does not serve it")
		status, _ = s.sendRequest(t, "", "GET", "/debug/pprof/", "")
		require.Equal(t, 404, status)
		s.url, s.client = s.opsURL(t), http.DefaultClient // these paths are not in the contract
		status, metrics := s.sendRequest(t, "", "GET", "/metrics", "")
		require.Equal(t, 200, status)
		require.Contains(t, metrics, `http_requests_total{code="not_found",operation="",status="404"`)
		status, _ = s.sendRequest(t, "", "GET", "/debug/pprof/", "")
		require.Equal(t, map[bool]int{false: 404, true: 200}[pprof], status)
	}
}
