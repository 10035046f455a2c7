package main

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// What was acknowledged is there after SIGTERM and a new start.
func TestServeStopServe(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	status, answer := s.send(t, token, "POST", "/openapi/v1/users", newUser)
	require.Equal(t, 201, status, answer)
	status, answer = s.send(t, token, "PUT", "/openapi/v1/users/2", seed)
	require.Equal(t, 200, status)
	require.JSONEq(t, stored, answer)
	code, log := s.stop(t)
	require.Equal(t, 0, code, log)
	require.Contains(t, log, "first start")
	require.Contains(t, log, "userapi.token")
	require.NotContains(t, log, token)
	for _, name := range []string{"userapi.db-wal", "userapi.db-shm"} {
		require.NoFileExists(t, filepath.Join(dir, name), "the log was moved into the database")
	}

	db, err := sql.Open("sqlite3", filepath.Join(dir, "userapi.db"))
	require.NoError(t, err)
	var hash string
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT password_hash FROM users WHERE id = 2`).Scan(&hash))
	require.NoError(t, db.Close())
	require.Contains(t, hash, "$argon2id$v=19$m=19456,t=2,p=1$")

	s = serve(t, dir, nil)
	status, answer = s.send(t, token, "PUT", "/openapi/v1/users/2", "")
	require.Equal(t, 200, status)
	require.JSONEq(t, stored, answer)
	code, log = s.end(t, syscall.SIGINT)
	require.Equal(t, 0, code)
	require.NotContains(t, log, "first start")
}

// A request that was accepted is finished after SIGTERM.
func TestStopFinishesWhatWasAccepted(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	answer := apitest.SendInTwoParts(t, "POST", s.url+"/openapi/v1/users", token, newUser, func() {
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
	require.Equal(t, 201, answer.Status)
	<-s.done
	require.NoError(t, s.cmd.Wait())
}

// A client that never finishes its request delays the end, but does not spoil it.
func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = fmt.Fprintf(conn, "PUT /openapi/v1/users/1 HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
		readToken(t, filepath.Join(dir, "userapi.token")))
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	begin := time.Now()
	code, log := s.stop(t)
	require.Equal(t, 0, code, log)
	require.Less(t, time.Since(begin), 10*time.Second)
}

// Headers have their limit.
func TestHeaderLimit(t *testing.T) {
	s := serve(t, t.TempDir(), nil)
	for size, status := range map[int]int{15000: 200, 17000: 431} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/healthz", nil)
		require.NoError(t, err)
		request.Header.Set("X-Long", strings.Repeat("x", size))
		response, err := http.DefaultClient.Do(request) // 431 is net/http's own answer
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode)
	}
}

// A request that still waits for its turn when the server stops is answered 503.
func TestStopAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, nil)
	db, err := sql.Open("sqlite3", filepath.Join(dir, "userapi.db"))
	require.NoError(t, err)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	const clients = 20
	statuses := make(chan int, clients)
	for i := range clients {
		go func() {
			status, _ := s.send(t, token, "PUT", "/openapi/v1/users/1", fmt.Sprintf(`{"phone":"%d"}`, i))
			statuses <- status
		}()
	}
	require.Equal(t, 503, <-statuses, "the first one has met the lock")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	for range clients - 1 {
		require.Equal(t, 503, <-statuses)
	}
	<-s.done
	require.NoError(t, s.cmd.Wait())
	require.NotContains(t, s.log.String(), "status=499", "it was the server that left")
	require.NoError(t, conn.Close())
	require.NoError(t, db.Close())
}

// A log that is not read any more does not hold the end for ever.
func TestStopWithAFullLog(t *testing.T) {
	t.Parallel()
	c := command(t, t.TempDir(), nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	reading, writing, err := os.Pipe()
	require.NoError(t, err)
	c.Stderr = writing
	require.NoError(t, c.Start())
	lines := bufio.NewReader(reading)
	address := ""
	for address == "" {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		if match := listening.FindStringSubmatch(line); match != nil {
			address = match[1]
		}
	}
	client := &http.Client{Timeout: 2 * time.Second}
	full := false
	for range 5000 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/healthz", nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		if full = err != nil; full {
			break
		}
		require.NoError(t, response.Body.Close())
	}
	require.True(t, full, "a line of the log waits for its reader")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	begin := time.Now()
	_ = c.Wait()
	require.Less(t, time.Since(begin), 10*time.Second)
	require.Equal(t, exitFailed, c.ProcessState.ExitCode())
	require.NoError(t, errors.Join(reading.Close(), writing.Close()))
}

// The server outlives the reader of its log.
func TestLogReaderDies(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	require.NoError(t, s.stderr.Close())
	<-s.done
	for range 2 {
		status, _ := s.send(t, token, "GET", "/openapi/v1/users/1", "")
		require.Equal(t, 200, status)
	}
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.cmd.Wait())
}

// A thousand pairs of updates of different members at the same moment: none is lost,
// while a second server writes to the same database.
func TestUpdatesBesideASecondProcess(t *testing.T) {
	t.Parallel()
	const rounds = 1000
	dir := t.TempDir()
	first := serve(t, dir, nil)
	second := serve(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	for _, name := range []string{"ada", "bob"} {
		status, answer := first.send(t, token, "POST", "/openapi/v1/users", strings.Replace(newUser, "ada", name, 1))
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
				status, _ := w.server.send(t, token, "PUT", w.path, w.body)
				statuses <- status
			}()
		}
		for range writes {
			require.Equal(t, 200, <-statuses)
		}
		status, answer := second.send(t, token, "PUT", "/openapi/v1/users/2", "")
		require.Equal(t, 200, status)
		require.JSONEq(t, fmt.Sprintf(`{"enterprise_id":"default","phone":"%d","email":"ada%d@example.com","is_active":%v}`,
			round, round, round%2 == 0), answer)
	}
	list, _, code := finish(t, dir, nil, "audit", "--user=2")
	require.Equal(t, 0, code)
	require.Equal(t, 3*rounds, strings.Count(list, " updateUser "), "a row for each")
}

// A port that is taken ends the start, and changes nothing.
func TestTakenPort(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, t.TempDir(), nil)
	taken := strings.TrimPrefix(s.url, "http://")
	for _, flag := range []string{"--listen", "--ops-listen"} {
		_, stderr, code := finish(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", flag+"="+taken)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, flag)
		require.Contains(t, stderr, "address already in use")
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestOpsListener(t *testing.T) {
	for _, pprof := range []bool{false, true} {
		s := serve(t, t.TempDir(), nil, fmt.Sprintf("--pprof=%v", pprof), "--log-level=info", "--log-format=text")
		ops := regexp.MustCompile(`operator" address=(\S+)`).FindStringSubmatch(s.log.String())
		require.NotNil(t, ops, s.log.String())
		status, _ := s.send(t, "", "GET", "/metrics", "")
		require.Equal(t, 404, status, "not on the public listener")
		status, _ = s.send(t, "", "GET", "/debug/pprof/", "")
		require.Equal(t, 404, status)
		s.url, s.client = "http://"+ops[1], http.DefaultClient // it is not in the contract
		status, metrics := s.send(t, "", "GET", "/metrics", "")
		require.Equal(t, 200, status)
		require.Contains(t, metrics, `http_requests_total{code="404"`)
		status, _ = s.send(t, "", "GET", "/debug/pprof/", "")
		require.Equal(t, map[bool]int{false: 404, true: 200}[pprof], status)
	}
}
