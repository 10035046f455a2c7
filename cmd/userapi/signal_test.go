package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// SIGHUP, which a terminal sends when it is closed, stops the server as SIGTERM does.
func TestHangUpStopsTheServer(t *testing.T) {
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP) // if the tests run under nohup, the server would inherit that SIGHUP is ignored
	defer signal.Stop(hangUps)
	s := startServer(t, t.TempDir(), nil)
	code, log := s.signalAndWait(t, syscall.SIGHUP)
	require.Equal(t, 0, code)
	require.Contains(t, log, "msg=stopped")
}

// Under nohup, the server outlives its terminal.
func TestIgnoredHangUpStaysIgnored(t *testing.T) {
	s := waitForServer(t, inShell(t, `trap "" HUP`, serveCommandIn(t, t.TempDir(), nil)))
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 200 { // a server that stops accepts no more than a few of these
		require.Equal(t, "alive\n", get(t, client, s.url+"/healthz"))
	}
	code, log := s.terminate(t)
	require.Equal(t, 0, code, log)
}

// When a file becomes longer than its limit allows, the server lives on, because the Go runtime
// catches SIGXFSZ: writes fail, and reads go on.
func TestServerOutlivesAFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	s := waitForServer(t, inShell(t, "ulimit -f 1000", serveCommandIn(t, dir, nil)))
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	for i, status := 0, 200; status == 200; i++ {
		status, _ = s.sendRequest(t, token, "PUT", "/openapi/v1/users/1", fmt.Sprintf(`{"phone":"%d"}`, i))
	}
	status, answer := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, answer)
	_, log := s.terminate(t)
	require.Contains(t, log, "file too large")
	require.Contains(t, log, "msg=stopped")
}
