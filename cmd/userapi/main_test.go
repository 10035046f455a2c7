package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"userapi/internal/httpapi/apitest"
)

// TestMain lets the test binary be userapi itself, as a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("BE_USERAPI") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command is userapi with these arguments, run in dir with these settings and no others.
func command(t *testing.T, dir string, settings []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Dir = dir
	c.Env = append([]string{"BE_USERAPI=1", "GOCOVERDIR=" + t.TempDir(), "GORACE=atexit_sleep_ms=0"}, settings...)
	return c
}

// finish runs userapi to its end.
func finish(t *testing.T, dir string, settings []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return end(t, command(t, dir, settings, args...))
}

// finishWith is finish with this on standard input.
func finishWith(t *testing.T, dir, input string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	c := command(t, dir, nil, args...)
	c.Stdin = strings.NewReader(input)
	return end(t, c)
}

func end(t *testing.T, c *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		var exited *exec.ExitError
		require.ErrorAs(t, err, &exited)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// server is a running userapi serve.
type server struct {
	url    string
	client *http.Client
	log    *apitest.Log
	cmd    *exec.Cmd
	stderr io.Closer
	done   chan struct{} // closed when the log ends
}

// listening is the line that says where the API is served.
var listening = regexp.MustCompile(`"?msg"?[=:]"?listening"?[ ,]"?address"?[=:]"?([0-9.:]+)`)

// serve starts userapi serve in dir on a free port and waits until it listens.
func serve(t *testing.T, dir string, settings []string, args ...string) *server {
	t.Helper()
	s := &server{
		cmd:    command(t, dir, settings, append([]string{"serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"}, args...)...),
		client: apitest.NewClient(t, http.DefaultTransport), log: &apitest.Log{}, done: make(chan struct{}),
	}
	stderr, err := s.cmd.StderrPipe()
	require.NoError(t, err)
	s.stderr = stderr
	require.NoError(t, s.cmd.Start())
	address := make(chan string, 1)
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			_, _ = fmt.Fprintln(s.log, lines.Text())
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				address <- match[1]
			}
		}
	}()
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			<-s.done
			_ = s.cmd.Wait()
		}
	})
	select {
	case found := <-address:
		s.url = "http://" + found
	case <-s.done:
		require.Fail(t, "userapi ended", s.log.String())
	case <-time.After(time.Minute):
		require.Fail(t, "userapi does not listen")
	}
	return s
}

// stop sends SIGTERM and returns the exit status and the log.
func (s *server) stop(t *testing.T) (int, string) {
	t.Helper()
	return s.end(t, syscall.SIGTERM)
}

func (s *server) end(t *testing.T, signal os.Signal) (int, string) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(signal))
	<-s.done
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode(), s.log.String()
}

func (s *server) send(t *testing.T, token, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(answer)
}

func readToken(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	return strings.TrimSpace(string(content))
}

const (
	newUser = `{"nick_name":"ada","password":"correct horse","enterprise_id":"default"}`
	seed    = `{"password":"stringst","enterprise_id":"string","email":"user@example.com","phone":"string","is_active":true}`
	stored  = `{"email":"user@example.com","enterprise_id":"string","is_active":true,"phone":"string"}`
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

// The flags of the log and of the proxies reach the server.
func TestFlagsReachTheServer(t *testing.T) {
	dir := t.TempDir()
	operator := strings.Repeat("operator", 4)
	s := serve(t, dir, []string{"USERAPI_ADMIN_TOKEN=" + operator}, "--log-format=json", "--trusted-proxies=127.0.0.1")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/openapi/v1/users", strings.NewReader(newUser))
	require.NoError(t, err)
	request.Header = http.Header{
		"Authorization": {operator}, "Content-Type": {"application/json"}, "X-Forwarded-For": {"192.0.2.7"},
	}
	response, err := s.client.Do(request)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Contains(t, string(answer), `"client_ip":"192.0.2.7"`)
	_, log := s.stop(t)
	require.Contains(t, log, `"msg":"listening"`)

	quiet := command(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off", "--log-level=warn")
	stderr, err := quiet.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, quiet.Start())
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "level=WARN")
	require.NoError(t, quiet.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Empty(t, string(rest))
	require.NoError(t, quiet.Wait())
}

// The limits and the life of a log-in reach the server; failed log-ins are limited by default.
func TestLogInSettingsReachTheServer(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, []string{"USERAPI_TOKEN_TTL=90m", "USERAPI_RATE_LIMIT=1"})
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	status := 0
	for range 1000 {
		if status, _ = s.send(t, token, "GET", "/openapi/v1/users/1", ""); status == 429 {
			break
		}
	}
	require.Equal(t, 429, status)
	_, _, code := finishWith(t, dir, "correct horse", "user", "set-password", "--user=1")
	require.Equal(t, 0, code)
	const logIn = `{"username":"default/admin","password":"correct horse"}`
	status, answer := s.send(t, "", "POST", "/openapi/v1/auth-token", logIn)
	require.Equal(t, 200, status, answer)
	var granted struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &granted))
	require.WithinDuration(t, time.Now().Add(90*time.Minute), granted.ExpiresAt, time.Minute)
	for i := range 11 {
		status, _ = s.send(t, "", "POST", "/openapi/v1/auth-token", strings.Replace(logIn, "horse", "house", 1))
		require.Equal(t, map[bool]int{true: 401, false: 429}[i < 10], status)
	}
	s.stop(t)

	s = serve(t, dir, nil, "--login-limit=0", "--rate-limit=0", "--token-ttl=1ms")
	for range 12 {
		status, _ = s.send(t, "", "POST", "/openapi/v1/auth-token", strings.Replace(logIn, "horse", "house", 1))
		require.Equal(t, 401, status)
	}
}

// A first start that fails after its token was written leaves no token that never counted.
func TestFailedFirstStartLeavesNoToken(t *testing.T) {
	dir := t.TempDir()
	_, _, code := finish(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	db, err := sql.Open("sqlite3", filepath.Join(dir, "userapi.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE fault (id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED);
		CREATE TRIGGER fault AFTER INSERT ON tokens BEGIN INSERT INTO fault VALUES (99); END`)
	require.NoError(t, err)
	_, stderr, code := finish(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "FOREIGN KEY")
	require.NoFileExists(t, filepath.Join(dir, "userapi.token"))
	_, err = db.ExecContext(t.Context(), `DROP TRIGGER fault`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	serve(t, dir, nil)
	readToken(t, filepath.Join(dir, "userapi.token"))
}

// A request that was accepted is finished after SIGTERM.
func TestStopFinishesWhatWasAccepted(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	body, sending := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/openapi/v1/users", body)
	require.NoError(t, err)
	request.Header.Set("Authorization", token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Expect", "100-continue")
	status := make(chan int)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	// The first byte is taken once the server has asked for the body.
	_, err = io.WriteString(sending, newUser[:1])
	require.NoError(t, err)
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
	_, err = io.WriteString(sending, newUser[1:])
	require.NoError(t, err)
	require.NoError(t, sending.Close())
	require.Equal(t, 201, <-status)
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

func TestOperatorsToken(t *testing.T) {
	dir := t.TempDir()
	first, second := strings.Repeat("first-", 6), strings.Repeat("second", 6)
	check := func(settings []string, want map[string]int) string {
		t.Helper()
		s := serve(t, dir, settings)
		for token, status := range want {
			got, _ := s.send(t, token, "GET", "/openapi/v1/users/1", "")
			require.Equal(t, status, got)
		}
		code, log := s.stop(t)
		require.Equal(t, 0, code)
		require.NotContains(t, log, first)
		return log
	}
	log := check([]string{"USERAPI_ADMIN_TOKEN=" + first}, map[string]int{first: 200, second: 401})
	require.Contains(t, log, "first start")
	require.NoFileExists(t, filepath.Join(dir, "userapi.token"))
	check([]string{"USERAPI_ADMIN_TOKEN=" + first}, map[string]int{first: 200})
	check([]string{"USERAPI_ADMIN_TOKEN=" + second}, map[string]int{first: 401, second: 200})
	log = check(nil, map[string]int{first: 401, second: 401})
	require.Contains(t, log, "has ended")

	s := serve(t, dir, []string{"USERAPI_ADMIN_TOKEN=" + first})
	status, _ := s.send(t, first, "PUT", "/openapi/v1/users/1", `{"password":"new password"}`)
	require.Equal(t, 200, status)
	made, _, code := finish(t, dir, nil, "token", "create", "--user=1", "--name=ci")
	require.Equal(t, 0, code)
	status, _ = s.send(t, strings.TrimSpace(made), "PUT", "/openapi/v1/users/1", `{"password":"new password"}`)
	require.Equal(t, 200, status)
	status, _ = s.send(t, first, "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, "a password does not end the operator's token")
	list, _, _ := finish(t, dir, nil, "token", "list")
	number := regexp.MustCompile(`(?m)^(\d+) .* operator `).FindStringSubmatch(list)
	require.NotNil(t, number, list)
	_, stderr, code := finish(t, dir, nil, "token", "revoke", number[1])
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "token "+number[1]+" is the operator's")
}

// A token in the settings that cannot count is not passed over in silence.
func TestOperatorsTokenInVain(t *testing.T) {
	dir := t.TempDir()
	operator := strings.Repeat("operator", 4)
	settings := []string{"USERAPI_ADMIN_TOKEN=" + operator}
	s := serve(t, dir, settings)
	_, stderr, code := finishWith(t, dir, "correct horse", "user", "create", "--nick-name=root", "--enterprise-id=default", "--system-administrator")
	require.Equal(t, 0, code, stderr)
	root, _, code := finish(t, dir, nil, "token", "create", "--user=2", "--name=x")
	require.Equal(t, 0, code)
	_, log := s.stop(t)
	require.NotContains(t, log, "level=WARN")
	for _, request := range []struct {
		method, body string
		status       int
	}{{"PUT", `{"is_active":false}`, 200}, {"PUT", `{"is_active":true}`, 200}, {"DELETE", "", 204}} {
		s = serve(t, dir, settings)
		status, _ := s.send(t, strings.TrimSpace(root), request.method, "/openapi/v1/users/1", request.body)
		require.Equal(t, request.status, status)
		s.stop(t)
		s = serve(t, dir, settings)
		want := 401
		if strings.Contains(request.body, "true") {
			want = 200
		}
		status, _ = s.send(t, operator, "GET", "/openapi/v1/users/2", "")
		require.Equal(t, want, status)
		_, log = s.stop(t)
		require.Equal(t, want == 401, strings.Contains(log, "USERAPI_ADMIN_TOKEN is refused"), log)
	}
}

func TestTokenCommands(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := finish(t, dir, nil, "token", "list")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no database at userapi.db")

	s := serve(t, dir, nil)
	token, stderr, code := finish(t, dir, nil, "token", "create", "--user", "1", "--name", "nightly job", "--expires-in", "24h")
	require.Equal(t, 0, code, stderr)
	require.Regexp(t, `^ua_[A-Za-z0-9_-]{43}\n$`, token)
	status, _ := s.send(t, strings.TrimSpace(token), "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status)

	list, _, code := finish(t, dir, []string{"USERAPI_DATABASE=sqlite:" + filepath.Join(dir, "userapi.db")}, "token", "list", "--user=1")
	require.Equal(t, 0, code)
	require.Regexp(t, `^ID +USER +KIND +CREATED +EXPIRES +NAME\n1 +1 +made +\S+Z +never +first start\n2 +1 +made +\S+Z +\S+Z +nightly job\n$`, list)
	list, _, _ = finish(t, dir, nil, "token", "list", "--user=9")
	require.Equal(t, 1, strings.Count(list, "\n"))

	_, _, code = finish(t, dir, nil, "token", "revoke", "2")
	require.Equal(t, 0, code)
	status, _ = s.send(t, strings.TrimSpace(token), "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 401, status, "its next use, beside a running server")
	_, stderr, code = finish(t, dir, nil, "token", "revoke", "2")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no token 2")
	status, _ = s.send(t, readToken(t, filepath.Join(dir, "userapi.token")), "POST", "/openapi/v1/users",
		strings.Replace(newUser, "{", `{"is_active":null,`, 1))
	require.Equal(t, 201, status)
	token, stderr, code = finish(t, dir, nil, "token", "create", "--user=2", "--name=x")
	require.Equal(t, 0, code)
	require.Regexp(t, `^ua_`, token)
	require.Contains(t, stderr, "user 2 is not active")
	_, stderr, code = finish(t, dir, nil, "token", "create", "--user=9", "--name=x")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no user 9")
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

// The day nobody can log in: the command line makes a system administrator and sets
// passwords; the change is in the audit, and counts for a running server at once.
func TestUserCommands(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := finish(t, dir, nil, "user", "create", "--nick-name=root", "--enterprise-id=default")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no database")
	s := serve(t, dir, nil)

	const secret = "canary horse"
	stdout, stderr, code := finishWith(t, dir, secret+"\r\nmore", "user", "create", "--nick-name=root", "--enterprise-id=default",
		"--email=root@example.com", "--phone=1", "--system-administrator")
	require.Equal(t, 0, code, stderr)
	require.Equal(t, "2\n", stdout)
	logIn := func(name, password string) (int, string) {
		status, answer := s.send(t, "", "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
		var token struct{ Token string }
		require.NoError(t, json.Unmarshal([]byte(answer), &token))
		return status, token.Token
	}
	status, token := logIn("root@example.com", secret)
	require.Equal(t, 200, status)
	status, answer := s.send(t, token, "GET", "/openapi/v1/users", "")
	require.Equal(t, 200, status, "a system administrator")
	require.Contains(t, answer, `"client_ip":null`)

	_, stderr, code = finishWith(t, dir, "new password", "user", "set-password", "--user=2")
	require.Equal(t, 0, code, stderr)
	status, _ = s.send(t, token, "GET", "/openapi/v1/users/2", "")
	require.Equal(t, 401, status, "ended by the command line, beside a running server")
	status, _ = logIn("default/root", secret)
	require.Equal(t, 401, status)
	status, _ = logIn("default/root", "new password")
	require.Equal(t, 200, status)

	stdout, _, code = finishWith(t, dir, "correct horse\n", "user", "create", "--nick-name=ada", "--enterprise-id=default")
	require.Equal(t, 0, code)
	require.Equal(t, "3\n", stdout)
	status, ordinary := logIn("default/ada", "correct horse")
	require.Equal(t, 200, status)
	status, _ = s.send(t, ordinary, "GET", "/openapi/v1/users", "")
	require.Equal(t, 403, status, "nothing but a user")

	for input, c := range map[string]struct {
		args []string
		code int
		text string
	}{
		"correct horse":          {[]string{"create", "--nick-name=ADA", "--enterprise-id=default"}, exitFailed, "--nick-name: "},
		"correct horse\n":        {[]string{"create", "--nick-name=x", "--enterprise-id=default", "--email=ROOT@example.com"}, exitFailed, "--email: "},
		"correct horse ":         {[]string{"set-password", "--user=99"}, exitFailed, "there is no user 99"},
		"secret":                 {[]string{"set-password", "--user=2"}, exitUsage, "the password: it needs 8 or more characters"},
		"":                       {[]string{"set-password", "--user=2"}, exitUsage, "the password: "},
		"secret\x00 horse":       {[]string{"set-password", "--user=2"}, exitUsage, "the password: "},
		"secret\xff horse":       {[]string{"set-password", "--user=2"}, exitUsage, "the password: "},
		strings.Repeat("x", 129): {[]string{"set-password", "--user=2"}, exitUsage, "the password: "},
		"secret horse!":          {[]string{"create", "--nick-name=a\xff", "--enterprise-id=default"}, exitUsage, "--nick-name: it needs UTF-8"},
		"secret horse":           {[]string{"set-password", "--user=0"}, exitUsage, "--user: "},
		"secret horses": {
			[]string{"create", "--nick-name=a b", "--enterprise-id=", "--email=x", "--phone=" + strings.Repeat("1", 33), "--database="},
			exitUsage, "--nick-name: it needs a name without /, @, white space and control characters\n",
		},
	} {
		stdout, stderr, code := finishWith(t, dir, input, append([]string{"user"}, c.args...)...)
		require.Equal(t, c.code, code, c.args)
		require.Contains(t, stderr, c.text)
		require.Empty(t, stdout)
		require.NotContains(t, stderr, "secret")
		if len(c.args) == 6 {
			for _, flag := range []string{"--enterprise-id: it is needed\n", "--email: ", "--phone: ", "--database: "} {
				require.Contains(t, stderr, flag, "all faults at once")
			}
		}
	}
	_, log := s.stop(t)
	require.NotContains(t, log, secret)

	list, _, code := finish(t, dir, nil, "audit")
	require.Equal(t, 0, code)
	require.Regexp(t, `^TIME +ACTOR +OPERATION +USER +ENTERPRISE +FIELDS +REQUEST +TOKEN\n`, list)
	list, _, code = finish(t, dir, nil, "audit", "--user=2")
	require.Equal(t, 0, code)
	lines := strings.Split(strings.TrimSpace(list), "\n")[1:]
	require.Len(t, lines, 4)
	require.Regexp(t, `^\S+Z +- +createUser +2 +default +nick_name,password,enterprise_id,email,phone,is_active,role +- +-$`, lines[0])
	require.Regexp(t, `^\S+Z +2 +createAuthToken +2 +default +- +[A-Z2-7]{26} +log-in$`, lines[1])
	require.Regexp(t, `^\S+Z +- +changePassword +2 +default +password +- +-$`, lines[2])
	_, stderr, code = finish(t, dir, nil, "audit", "--user=99")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there never was a user 99")
	for _, command := range [][]string{{"audit"}, {"token", "list"}} {
		_, stderr, code = finish(t, dir, nil, append(command, "--user=0")...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "--user: it needs the number of a user")
	}
}

// onTerminal runs userapi on a terminal, answers each question with a line, and returns
// what is shown.
func onTerminal(t *testing.T, dir string, lines []string, args ...string) (shown string, status int) {
	t.Helper()
	c := command(t, dir, nil, args...)
	terminal, err := pty.Start(c)
	require.NoError(t, err)
	defer func() { require.NoError(t, terminal.Close()) }()
	var screen strings.Builder
	read := make([]byte, 1024)
	for {
		n, err := terminal.Read(read) // fails when userapi has ended
		screen.Write(read[:n])
		if err != nil {
			break
		}
		if len(lines) > 0 && strings.HasSuffix(screen.String(), ": ") {
			_, err := io.WriteString(terminal, lines[0]+"\r")
			require.NoError(t, err)
			lines = lines[1:]
		}
	}
	_ = c.Wait()
	return screen.String(), c.ProcessState.ExitCode()
}

// On a terminal a password is asked for, twice, and not shown.
func TestPasswordOnATerminal(t *testing.T) {
	dir := t.TempDir()
	_, _, code := finish(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	create := []string{"user", "create", "--nick-name=root", "--enterprise-id=default"}
	shown, code := onTerminal(t, dir, []string{"correct horse", "correct house"}, create...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, shown, "the passwords differ")
	shown, code = onTerminal(t, dir, []string{"correct horse", "correct horse"}, create...)
	require.Equal(t, 0, code, shown)
	require.Contains(t, shown, "New password: ")
	require.Contains(t, shown, "Again: ")
	require.NotContains(t, shown, "horse")
	_, _, code = finish(t, dir, nil, "token", "create", "--user=1", "--name=x")
	require.Equal(t, 0, code, "it is there")
	shown, code = onTerminal(t, dir, []string{"correct horse", "\x03"}, "user", "set-password", "--user=1")
	require.Equal(t, exitFailed, code)
	require.Contains(t, shown, "no password was given")
}

// All faults of the settings are listed at once, and nothing is started.
func TestBadSettings(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := finish(t, dir, []string{
		"USERAPI_ADMIN_TOKEN=too-short-canary", "USERAPI_DATABASE=postgres://user:canary@host/db", "USERAPI_LOG_LEVEL=loud",
	}, "serve", "--listen=8080", "--ops-listen=nowhere", "--trusted-proxies=10.0.0.0/8, x,y/9", "--log-format=xml", "--admin-token-file=",
		"--token-ttl=soon", "--rate-limit=-1", "--login-limit=ten")
	require.Equal(t, exitUsage, code)
	for _, fault := range []string{
		"USERAPI_DATABASE or --database: ", "USERAPI_LISTEN or --listen: ", "USERAPI_OPS_LISTEN or --ops-listen: ",
		"USERAPI_ADMIN_TOKEN_FILE or --admin-token-file: ", "USERAPI_ADMIN_TOKEN: ", "openssl rand -hex 32",
		`USERAPI_TRUSTED_PROXIES or --trusted-proxies: "x"`, `"y/9"`, "USERAPI_LOG_LEVEL or --log-level: ", "USERAPI_LOG_FORMAT or --log-format: ",
		"USERAPI_TOKEN_TTL or --token-ttl: ", "USERAPI_RATE_LIMIT or --rate-limit: ", "USERAPI_LOGIN_LIMIT or --login-limit: ",
	} {
		require.Contains(t, stderr, fault)
	}
	require.NotContains(t, stderr, "canary")
	for _, token := range []string{strings.Repeat("x", 31), strings.Repeat("x", 32) + " ", strings.Repeat("ü", 32), ""} {
		_, stderr, code := finish(t, dir, []string{"USERAPI_ADMIN_TOKEN=" + token}, "serve")
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "32 or more visible ASCII characters")
	}
	for _, args := range [][]string{{}, {"serve", "--nonsense"}, {"nonsense"}, {"token", "create"}, {"token", "create", "--user=1", "--name="}} {
		_, _, code := finish(t, dir, nil, args...)
		require.Equal(t, exitUsage, code, args)
	}
	for _, name := range []string{"a\nb", "\x1b[31m", "\u0085", strings.Repeat("x", 65)} {
		_, stderr, code := finish(t, dir, nil, "token", "create", "--user=0", "--name="+name, "--expires-in=0")
		require.Equal(t, exitUsage, code)
		for _, flag := range []string{"--user: ", "--name: ", "--expires-in: "} {
			require.Contains(t, stderr, flag)
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing was started")
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

// A token file that is already there may be another database's: it is left alone.
func TestTokenFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "userapi.token")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, stderr, code := finish(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "move it away")
	require.Equal(t, "precious", readToken(t, path))

	s := serve(t, dir, nil, "--admin-token-file=other.token")
	status, _ := s.send(t, readToken(t, filepath.Join(dir, "other.token")), "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, "the start that failed left an empty database")
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

func TestMigrateAndVersionAndHelp(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		stdout, stderr, code := finish(t, dir, nil, "migrate", "--database=x.db")
		require.Equal(t, 0, code, stderr)
		require.Equal(t, "x.db has schema 2\n", stdout)
	}
	stdout, _, code := finish(t, dir, nil, "version")
	require.Equal(t, 0, code)
	require.Regexp(t, `^userapi \S+, contract \d+\.\d+\.\d+, go\S+\n$`, stdout)
	for _, args := range [][]string{{}, {"serve"}, {"migrate"}, {"token"}, {"token", "create"}, {"token", "list"}, {"token", "revoke"}, {"version"}, {"user", "create"}, {"user", "set-password"}, {"audit"}} {
		stdout, _, code := finish(t, dir, nil, append(args, "--help")...)
		require.Equal(t, 0, code)
		require.Contains(t, stdout, "Usage: userapi")
	}
}
