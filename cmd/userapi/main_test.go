package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/store/storetest"
)

// TestMain lets the test binary run as userapi in a child process.
func TestMain(m *testing.M) {
	if os.Getenv("BE_USERAPI") != "" {
		main()
		os.Exit(0)
	}
	storetest.Exit(m.Run())
}

// command returns userapi with these arguments, to run in dir with only these environment
// variables. It may run as long as the test, because a busy machine may need that long.
// 'go test -timeout' ends a test that hangs.
func command(t *testing.T, dir string, settings []string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Dir = dir
	c.Env = append([]string{"BE_USERAPI=1", "GOCOVERDIR=" + t.TempDir(), "GORACE=atexit_sleep_ms=0"}, settings...)
	return c
}

// runCommand runs userapi until it exits.
func runCommand(t *testing.T, dir string, settings []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	return runToExit(t, command(t, dir, settings, args...))
}

// runWithInput is runCommand with input on standard input and without settings.
func runWithInput(t *testing.T, dir, input string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	c := command(t, dir, nil, args...)
	c.Stdin = strings.NewReader(input)
	return runToExit(t, c)
}

func runToExit(t *testing.T, c *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		var exited *exec.ExitError
		require.ErrorAs(t, err, &exited)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// server is a child process that runs userapi serve.
type server struct {
	url      string
	client   *http.Client
	log      *apitest.Log
	cmd      *exec.Cmd
	stderr   io.Closer
	logEnded chan struct{} // closed at the end of the log
}

// listeningLine matches the log line that says where the API is served.
var listeningLine = regexp.MustCompile(`"?msg"?[=:]"?listening"?[ ,]"?address"?[=:]"?([][0-9.:]+|unix:[^" ]+)`)

// startServer starts userapi serve in dir on a free port and waits until it listens.
func startServer(t *testing.T, dir string, settings []string, args ...string) *server {
	t.Helper()
	return waitForServer(t, serveCommandIn(t, dir, settings, args...))
}

// serveCommandIn returns the command that startServer runs.
func serveCommandIn(t *testing.T, dir string, settings []string, args ...string) *exec.Cmd {
	t.Helper()
	return command(t, dir, settings, append([]string{"serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"}, args...)...)
}

// inShell lets a shell run a script before it becomes the command.
func inShell(t *testing.T, script string, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	c.Path, c.Args = shell, append([]string{"sh", "-c", script + `; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
	return c
}

// waitForServer starts a command that runs userapi serve, and waits until it listens.
func waitForServer(t *testing.T, c *exec.Cmd) *server {
	t.Helper()
	s := &server{
		cmd:    c,
		client: apitest.NewClient(t, http.DefaultTransport), log: &apitest.Log{}, logEnded: make(chan struct{}),
	}
	stderr, err := s.cmd.StderrPipe()
	require.NoError(t, err)
	s.stderr = stderr
	require.NoError(t, s.cmd.Start())
	for _, file := range c.ExtraFiles {
		require.NoError(t, file.Close()) // the process has it now
	}
	address := make(chan string, 1)
	go func() {
		defer close(s.logEnded)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			_, _ = fmt.Fprintln(s.log, lines.Text())
			if match := listeningLine.FindStringSubmatch(lines.Text()); match != nil {
				address <- match[1]
			}
		}
	}()
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			<-s.logEnded
			_ = s.cmd.Wait()
		}
	})
	select {
	case found := <-address:
		s.url = "http://" + found
	case <-s.logEnded:
		require.Fail(t, "userapi ended", s.log.String())
	}
	return s
}

// opsLine matches the log line that says where the ops listener is.
var opsLine = regexp.MustCompile(`"?msg"?[=:]"serving metrics"[ ,]"?address"?[=:]"?([0-9.:]+|unix:[^" ]+)`)

// opsURL returns where the ops listener is.
func (s *server) opsURL(t *testing.T) string {
	t.Helper()
	match := opsLine.FindStringSubmatch(s.log.String())
	require.NotNil(t, match, s.log.String())
	return "http://" + match[1]
}

// terminate sends SIGTERM and returns the exit status and the log.
func (s *server) terminate(t *testing.T) (int, string) {
	t.Helper()
	return s.signalAndWait(t, syscall.SIGTERM)
}

func (s *server) signalAndWait(t *testing.T, signal os.Signal) (int, string) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(signal))
	<-s.logEnded
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode(), s.log.String()
}

// sendRequest fails the test if there is no answer. Any goroutine may call it.
func (s *server) sendRequest(t *testing.T, token, method, path, body string) (status int, answer string) {
	t.Helper()
	status, answer, err := s.attemptRequest(t, token, method, path, body)
	if err != nil {
		t.Error(err)
	}
	return status, answer
}

// attemptRequest is sendRequest for a server that may be gone.
func (s *server) attemptRequest(t *testing.T, token, method, path, body string) (status int, answer string, err error) {
	t.Helper()
	whole, err := s.attempt(t, token, method, path, body)
	return whole.Status, whole.Body, err
}

// attempt sends a request with headers, "Name: value", to a server that may be gone.
func (s *server) attempt(t *testing.T, token, method, path, body string, headers ...string) (answer apitest.Answer, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	request.Host = request.Header.Get("Host") // "": that of the URL
	response, err := s.client.Do(request)
	if err != nil {
		return answer, err
	}
	content, err := io.ReadAll(response.Body)
	answer = apitest.Answer{Status: response.StatusCode, Header: response.Header, Body: string(content)}
	return answer, errors.Join(err, response.Body.Close())
}

// requireTokenEnds waits until the server refuses a token that the command line has just
// ended. It must refuse each request that is sent a second later or more. Only the time of
// sending counts, so the check holds on a busy machine, where answers are slow.
func (s *server) requireTokenEnds(t *testing.T, token string) {
	t.Helper()
	for ended := time.Now(); ; {
		sent := time.Now()
		status, _ := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
		if status == http.StatusUnauthorized {
			return
		}
		require.Less(t, sent.Sub(ended), time.Second)
	}
}

// requireStoppedInTime fails if a server that has just ended took more than the ten seconds
// that it has after a signal. Processes start and end late on a busy machine, so the
// limit is higher by the time that a short command takes now.
func requireStoppedInTime(t *testing.T, signalled time.Time) {
	t.Helper()
	took, plain := time.Since(signalled), time.Now()
	_, _, code := runCommand(t, t.TempDir(), nil, "version")
	require.Equal(t, 0, code)
	require.Less(t, took, 10*time.Second+time.Since(plain))
}

// openDatabase opens the database of a server in dir and closes it when the test ends.
func openDatabase(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, "userapi.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
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
	adaBody      = `{"nick_name":"ada","password":"correct horse","enterprise_id":"default"}`
	updateBody   = `{"password":"stringst","enterprise_id":"string","email":"user@example.com","phone":"string","is_active":true}`
	updateAnswer = `{"email":"user@example.com","enterprise_id":"string","is_active":true,"phone":"string"}`
)
