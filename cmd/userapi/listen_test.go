package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// startOnSocket starts a server on the socket api in dir, with the operator's on ops. Requests to its URL go there.
func startOnSocket(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	c := command(t, dir, nil, append([]string{"serve", "--listen=unix:api", "--ops-listen=unix:ops"}, args...)...)
	s := waitForServer(t, inShell(t, "umask 0", c))
	require.Equal(t, "http://unix:api", s.url)
	s.url = "http://userapi"
	s.client = apitest.NewClient(t, transportTo(t, filepath.Join(dir, "api")))
	return s
}

// transportTo returns a transport that connects to a Unix socket.
func transportTo(t *testing.T, path string) *http.Transport {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// Both listeners can be Unix sockets. Only the owner and the group connect, and the sockets are removed at the end.
func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	s := startOnSocket(t, dir)
	for _, name := range []string{"api", "ops"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, fs.ModeSocket|0o660, info.Mode())
	}
	info, err := os.Stat(filepath.Join(dir, "userapi.db"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users", adaBody)
	require.Equal(t, 201, status, answer)
	require.Contains(t, answer, `"client_ip":null`)
	require.Equal(t, "ready\n", get(t, &http.Client{Transport: transportTo(t, filepath.Join(dir, "ops"))}, "http://ops/readyz"))
	code, log := s.terminate(t)
	require.Equal(t, 0, code)
	require.Contains(t, log, `msg="serving metrics" address=unix:ops`)
	require.Contains(t, log, `address="" user_id=1`)
	require.NotContains(t, namesIn(t, dir), "api")
	require.NotContains(t, namesIn(t, dir), "ops")
}

// A socket that a killed server has left is replaced. A socket on which a server listens is not, and neither is
// anything else.
func TestStaleSocketsAreReplaced(t *testing.T) {
	dir := t.TempDir()
	s := startOnSocket(t, dir)
	second := func() string {
		_, stderr, code := runCommand(t, dir, nil, "serve", "--listen=unix:api", "--ops-listen=off", "--database=second.db")
		require.Equal(t, exitFailed, code)
		return stderr
	}
	require.Contains(t, second(), "cannot open the address in USERAPI_LISTEN or --listen: another process listens on api: stop it, or name another path")
	status, _ := s.sendRequest(t, "", "GET", "/healthz", "")
	require.Equal(t, 200, status)
	require.NoError(t, s.cmd.Process.Kill())
	<-s.logEnded
	require.Error(t, s.cmd.Wait())
	require.Subset(t, namesIn(t, dir), []string{"api", "ops"})

	s = startOnSocket(t, dir)
	status, _ = s.sendRequest(t, "", "GET", "/healthz", "")
	require.Equal(t, 200, status)
	s.terminate(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "api"), []byte("precious"), 0o600))
	require.Contains(t, second(), "api is not a socket, and was left as it is")
	content, err := os.ReadFile(filepath.Join(dir, "api"))
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))
	require.NoFileExists(t, filepath.Join(dir, "second.db"))
}

// Of several servers that start on one stale socket at the same time, one listens on it, and the others fail.
func TestOneServerGetsAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api")
	for range 20 {
		left, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
		require.NoError(t, err)
		left.(*net.UnixListener).SetUnlinkOnClose(false)
		require.NoError(t, left.Close())
		opened := make(chan net.Listener)
		const starts = 8
		for range starts {
			go func() {
				l, _ := listenUnix(t.Context(), path)
				opened <- l
			}()
		}
		var winner net.Listener
		for range starts {
			if l := <-opened; l != nil {
				require.Nil(t, winner)
				winner = l
			}
		}
		require.NotNil(t, winner)
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.NoError(t, winner.Close())
	}
}

// X-Forwarded-For of a peer on a Unix socket counts only if the operator says so. The name of the peer's own end
// does not count, even if it looks like the address of a trusted proxy. Clients without an address share one limit of
// failed log-ins.
func TestPeersOfUnixSockets(t *testing.T) {
	const logIn = `{"username":"default/%s","password":"wrong password"}`
	for proxies, believed := range map[string]bool{"": false, "192.0.2.1": false, "unix": true, "192.0.2.1, unix": true} {
		dir := t.TempDir()
		s := startOnSocket(t, dir, "--trusted-proxies="+proxies, "--login-limit=1")
		own := filepath.Join(dir, "192.0.2.1:80")
		t.Chdir(dir) // the name is relative
		conn, err := (&net.Dialer{LocalAddr: &net.UnixAddr{Name: "192.0.2.1:80", Net: "unix"}}).DialContext(t.Context(), "unix", "api")
		require.NoError(t, err)
		require.FileExists(t, own)
		_, err = fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.NoError(t, conn.Close())
		var statuses []int
		for i := range 12 {
			answer, err := s.attempt(t, "", "POST", "/openapi/v1/auth-token", fmt.Sprintf(logIn, fmt.Sprint("user", i)), fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i))
			require.NoError(t, err)
			statuses = append(statuses, answer.Status)
		}
		if believed {
			require.NotContains(t, statuses, 429)
		} else {
			require.Equal(t, []int{401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 429, 429}, statuses)
		}
		_, log := s.terminate(t)
		require.Equal(t, believed, strings.Contains(log, `route=/healthz status=200`) && strings.Contains(log, `address=203.0.113.9`), log)
		require.Equal(t, !believed, strings.Contains(log, "add 'unix' to USERAPI_TRUSTED_PROXIES"), log)
		require.NotContains(t, log, "address=192.0.2.1")
	}
}

// A refusal keeps the connection on a Unix socket open, as it does on TCP.
func TestRefusalOnAUnixSocketKeepsTheConnection(t *testing.T) {
	dir := t.TempDir()
	startOnSocket(t, dir)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(dir, "api"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	requireRefusalsKeep(t, conn)
}

// requireRefusalsKeep sends changes without a token on a connection, and fails if it does not stay open. The bodies are
// too long for the buffers of the server, so that it has to read them.
func requireRefusalsKeep(t *testing.T, conn io.ReadWriter) {
	t.Helper()
	answers := bufio.NewReader(conn)
	for range 3 {
		body := strings.Repeat(" ", 60_000)
		_, err := fmt.Fprintf(conn, "PUT /openapi/v1/users/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		require.NoError(t, err)
		response, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 401, response.StatusCode)
		require.False(t, response.Close)
	}
}

// A folder that another program has locked for good is a sentence, not a start that hangs.
func TestLockedFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, err := os.Open(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	_, stderr, code := runCommand(t, dir, nil, "serve", "--listen=unix:api", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "another process has locked the folder .: end it, or name another folder")
}
