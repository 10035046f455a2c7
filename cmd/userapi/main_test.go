package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
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

// send may be called from any goroutine.
func (s *server) send(t *testing.T, token, method, path, body string) (status int, answer string) {
	t.Helper()
	status, answer, err := s.try(t, token, method, path, body)
	if err != nil {
		t.Error(err)
	}
	return status, answer
}

// try is send to a server that may be gone.
func (s *server) try(t *testing.T, token, method, path, body string) (status int, answer string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), errors.Join(err, response.Body.Close())
}

// requireEnded waits until the server has noticed that the command line, a moment ago,
// has ended a token. It has a second.
func (s *server) requireEnded(t *testing.T, token string) {
	t.Helper()
	for ended := time.Now(); ; {
		sent := time.Now()
		status, _ := s.send(t, token, "GET", "/openapi/v1/users/1", "")
		if status == http.StatusUnauthorized {
			return
		}
		require.Less(t, sent.Sub(ended), time.Second)
	}
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
