package main

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// SIGHUP, which a terminal sends when it is closed, stops the server as SIGTERM does.
func TestHangUpStopsTheServer(t *testing.T) {
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
