package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// In the environment of the server, healthcheck needs no arguments. It asks the public listener if there
// is no other one, and says why the server is not ready.
func TestHealthcheckAsksTheServerOfItsSettings(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	ops, public := strings.TrimPrefix(s.opsURL(t), "http://"), strings.TrimPrefix(s.url, "http://")
	withOps := []string{"USERAPI_OPS_LISTEN=" + ops, "USERAPI_LISTEN=127.0.0.1:1"}
	withoutOps := []string{"USERAPI_OPS_LISTEN=off", "USERAPI_LISTEN=" + public}
	for _, settings := range [][]string{withOps, withoutOps} {
		stdout, stderr, code := runCommand(t, dir, settings, "healthcheck")
		require.Equal(t, 0, code, stderr)
		require.Equal(t, "ready\n", stdout)
	}
	for _, url := range []string{s.opsURL(t), s.url + "/healthz", s.url + "/readyz"} {
		_, stderr, code := runCommand(t, dir, nil, "healthcheck", url)
		require.Equal(t, 0, code, stderr)
	}
	_, err := openDatabase(t, dir).ExecContext(t.Context(), `ALTER TABLE users RENAME TO gone`)
	require.NoError(t, err)
	stdout, stderr, code := runCommand(t, dir, withOps, "healthcheck")
	require.Equal(t, exitFailed, code)
	require.Empty(t, stdout)
	require.Equal(t, "userapi: http://"+ops+"/readyz answers 503: not ready: no such table: users\n", stderr)
	_, stderr, code = runCommand(t, dir, withoutOps, "healthcheck")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `^userapi: http://`+public+`/readyz answers 503: [A-Z][^{}]+\n$`, stderr, "it shows the detail of the problem")
	s.terminate(t)
	_, stderr, code = runCommand(t, dir, withOps, "healthcheck")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "http://"+ops+"/readyz cannot be reached: start the server, or ")
}

// Something else may be at the address.
func TestHealthcheckOfStrangers(t *testing.T) {
	dir := t.TempDir()
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusFound)
		case "/long":
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, "a\x1b[31m\n\n", strings.Repeat("b", 1<<20))
		case "/silent":
			<-r.Context().Done()
		}
	}))
	defer stranger.Close()
	for path, said := range map[string]string{
		"/moved":  "answers 302: it does not say why\n",
		"/long":   "answers 404: a [31m bbb",
		"/silent": "did not answer within 3s: look at the log of the server\n",
	} {
		_, stderr, code := runCommand(t, dir, nil, "healthcheck", stranger.URL+path)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "userapi: "+stranger.URL+path+" "+said)
		require.Less(t, len(stderr), 2*maxReason)
	}
	for _, wrong := range []string{"127.0.0.1:8081", "ftp://127.0.0.1", "http://", "http://me:canary@127.0.0.1", "unix:/canary", ":"} {
		_, stderr, code := runCommand(t, dir, nil, "healthcheck", wrong)
		require.Equal(t, exitUsage, code, wrong)
		require.Contains(t, stderr, "use a URL without a user, for example http://127.0.0.1:8081\n")
		require.NotContains(t, stderr, "canary")
	}
}

// A server on a Unix socket is asked there.
func TestHealthcheckOnAUnixSocket(t *testing.T) {
	dir := t.TempDir()
	startServer(t, dir, nil, "--ops-listen=unix:ops.sock")
	stdout, stderr, code := runCommand(t, dir, []string{"USERAPI_OPS_LISTEN=unix:ops.sock"}, "healthcheck")
	require.Zero(t, code, stderr)
	require.Equal(t, "ready\n", stdout)
}

// A server that listens at all addresses is asked at this machine's own.
func TestHealthcheckReachesWhatTheServerListensAt(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8081": "127.0.0.1:8081", "users.example.com:80": "users.example.com:80", "[fe80::1%lo]:80": "[fe80::1%lo]:80",
		":8081": "127.0.0.1:8081", "0.0.0.0:8081": "127.0.0.1:8081", "[::]:8081": "[::1]:8081",
	} {
		for _, c := range []listenSettings{{Listen: "127.0.0.1:1", OpsListen: listen}, {Listen: listen, OpsListen: opsOff}} {
			got, _, err := (&healthcheckCommand{listenSettings: c}).reachable()
			require.NoError(t, err)
			parsed, err := url.Parse(got)
			require.NoError(t, err)
			require.Equal(t, want, parsed.Host)
		}
	}
	_, stderr, code := runCommand(t, t.TempDir(), []string{"USERAPI_OPS_LISTEN=:0"}, "healthcheck")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, `USERAPI_OPS_LISTEN or --ops-listen: the server chooses a port for ":0"`)
	_, stderr, code = runCommand(t, t.TempDir(), []string{"USERAPI_OPS_LISTEN=nonsense"}, "healthcheck")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "USERAPI_OPS_LISTEN or --ops-listen: use HOST:PORT")
}
