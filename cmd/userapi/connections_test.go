package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// openConnections opens this many connections and sends a GET on each, for one of the paths in
// turn. They stay open until the test ends.
func openConnections(t *testing.T, url, token string, number int, paths ...string) []net.Conn {
	t.Helper()
	connections := make([]net.Conn, number)
	for i := range connections {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", paths[i%len(paths)], token)
		require.NoError(t, err)
		connections[i] = conn
	}
	return connections
}

func TestConnectionsLeaveFiles(t *testing.T) {
	for _, test := range []struct{ limit, open, want int }{
		{1 << 30, 20, 6144}, // as many as can wait to write
		{6144 + 20 + 24, 20, 6144},
		{6144 + 20 + 23, 20, 6143},
		{1024, 20, 980},
		{64, 60, 8},
	} {
		require.Equal(t, test.want, connectionsFor(test.limit, test.open), "%+v", test)
	}
}

var openFilesMetric = regexp.MustCompile(`(?m)^process_open_fds (\S+)$`)

// With 1,100 idle connections at a limit of 1,024 open files, the operator reaches the ops
// listener at once, and a client reaches the API after 30 seconds at most.
func TestIdleConnectionsKeepNobodyAway(t *testing.T) {
	t.Parallel()
	const limit, idle = 1024, 1100
	var own syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &own))
	if own.Cur < 2*idle {
		t.Skipf("this needs %d open files: raise 'ulimit -n'", 2*idle)
	}
	dir := t.TempDir()
	s := waitForServer(t, inShell(t, fmt.Sprint("ulimit -n ", limit), serveCommandIn(t, dir, nil)))
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	openConnections(t, s.url, token, idle, "/healthz")
	begin := time.Now()
	for files := 0.0; files < limit-100; { // until most of them have been accepted
		metrics := get(t, http.DefaultClient, s.opsURL(t)+"/metrics")
		match := openFilesMetric.FindStringSubmatch(metrics)
		require.NotNil(t, match, metrics)
		var err error
		files, err = strconv.ParseFloat(match[1], 64)
		require.NoError(t, err)
	}
	type answer struct {
		status int
		took   time.Duration
	}
	answered := make(chan answer, 1)
	go func() {
		status, _ := s.sendRequest(t, token, "GET", "/openapi/v1/users", "")
		answered <- answer{status, time.Since(begin)}
	}()
	require.Equal(t, "alive\n", get(t, http.DefaultClient, s.opsURL(t)+"/healthz"))
	require.Equal(t, "ready\n", get(t, http.DefaultClient, s.opsURL(t)+"/readyz"))
	require.Empty(t, answered, "the API must be waiting for connections to end, so that the ops listener shows that it is apart")
	found := <-answered
	require.Equal(t, 200, found.status)
	require.Less(t, found.took, time.Minute, "idle connections must end after 30 seconds, even if the machine is busy")
	code, log := s.terminate(t)
	require.Equal(t, 0, code)
	require.NotContains(t, log, "too many open files")
}

// At a limit of 64 open files, 60 clients at once get their lists. Some wait for others.
func TestLowFileLimitFailsNoRequest(t *testing.T) {
	dir := t.TempDir()
	s := waitForServer(t, inShell(t, "ulimit -n 64", serveCommandIn(t, dir, nil)))
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	connections := openConnections(t, s.url, token, 60, "/openapi/v1/users", "/openapi/v1/users?query=a")
	for _, conn := range connections {
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		require.NoError(t, conn.Close()) // lets the next client in
	}
	_, log := s.terminate(t)
	require.Regexp(t, `level=WARN msg="the limit on open files \(ulimit -n\) is low: .*" limit=64 connections=\d+`, log)
	require.NotContains(t, log, "too many open files")
}
