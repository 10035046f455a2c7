package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// While a server drains, it is not ready but answers. A connection that was kept open is closed with its next
// answer and not before. A second signal ends the drain, and the server finishes what it has accepted.
func TestDrain(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil, "--drain=1h")
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	kept := bufio.NewReader(conn)
	// send changes the phone number and reports whether the answer ends the connection.
	send := func(phone string) (ends bool) {
		body := fmt.Sprintf(`{"phone":%q}`, phone)
		_, err := fmt.Fprintf(conn, "PUT /openapi/v1/users/1 HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			token, len(body), body)
		require.NoError(t, err)
		response, err := http.ReadResponse(kept, nil)
		require.NoError(t, err)
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode, string(answer))
		return response.Close
	}
	require.False(t, send("1"))

	ops := *s
	ops.url, ops.client = s.opsURL(t), http.DefaultClient // these paths are not in the contract
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	apitest.WaitFor(func() bool {
		status, answer := ops.sendRequest(t, "", "GET", "/readyz", "")
		return status == 503 && answer == "not ready: the server is about to stop\n"
	})
	status, answer := s.sendRequest(t, "", "GET", "/readyz", "")
	require.Equal(t, 503, status)
	require.Contains(t, answer, "The server is about to stop.")
	status, _ = s.sendRequest(t, "", "GET", "/healthz", "")
	require.Equal(t, 200, status)
	status, answer = s.sendRequest(t, token, "POST", "/openapi/v1/users", adaBody)
	require.Equal(t, 201, status, answer)
	require.True(t, send("2"))
	_, err = kept.ReadByte()
	require.ErrorIs(t, err, io.EOF)

	accepted := apitest.SendInTwoParts(t, "PUT", s.url+"/openapi/v1/users/1", token, `{"phone":"3"}`, func() {
		require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	})
	require.Equal(t, 200, accepted.Status)
	<-s.logEnded
	require.NoError(t, s.cmd.Wait())
	require.Contains(t, s.log.String(), "msg=stopped")
}

// The drain ends by itself. The time in which the server has to exit counts from the end of the drain, so a
// drain may be longer.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	drain := forceExitAfter + time.Second/2
	s := startServer(t, t.TempDir(), nil, "--drain="+drain.String())
	signalled := time.Now()
	code, log := s.terminate(t)
	require.Equal(t, 0, code, log)
	require.GreaterOrEqual(t, time.Since(signalled), drain)
	require.Contains(t, log, "msg=stopped")
}
