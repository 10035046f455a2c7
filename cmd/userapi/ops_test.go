package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ops listener says whether the server is ready, and why not.
func TestOpsListenerTellsReadiness(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	require.Equal(t, "ready\n", get(t, http.DefaultClient, s.opsURL(t)+"/readyz"))
	_, err := openDatabase(t, dir).ExecContext(t.Context(), `ALTER TABLE users RENAME TO gone`)
	require.NoError(t, err)
	s.url, s.client = s.opsURL(t), http.DefaultClient // these paths are not in the contract
	status, answer := s.sendRequest(t, "", "GET", "/readyz", "")
	require.Equal(t, 503, status)
	require.Equal(t, "not ready: no such table: users\n", answer)
	status, _ = s.sendRequest(t, "", "GET", "/healthz", "")
	require.Equal(t, 200, status, "the process is alive")
}
