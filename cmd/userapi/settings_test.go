package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// The manual has a row for each setting of the server, with its flag and its default.
func TestManualListsEverySetting(t *testing.T) {
	manual, err := os.ReadFile("README.md")
	require.NoError(t, err)
	parser, err := kong.New(&serveCommand{})
	require.NoError(t, err)
	settings := 0
	for _, flag := range parser.Model.Flags {
		for _, environment := range flag.Envs {
			settings++
			row := fmt.Sprintf("\n| `%s` | `--%s` | ", environment, flag.Name)
			if flag.Default != "" {
				row += "`" + flag.Default + "`"
			}
			require.True(t, strings.Contains(string(manual), row), "README.md has no row that begins with %s", row)
		}
	}
	require.NotZero(t, settings)
}

// The server uses the flags for its log and for trusted proxies.
func TestFlagsReachTheServer(t *testing.T) {
	dir := t.TempDir()
	operator := strings.Repeat("operator", 4)
	s := startServer(t, dir, []string{"USERAPI_ADMIN_TOKEN=" + operator}, "--log-format=json", "--trusted-proxies=127.0.0.1")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/openapi/v1/users", strings.NewReader(adaBody))
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
	_, log := s.terminate(t)
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

// The server uses the limits and the life of log-in tokens, and limits failed log-ins by default.
func TestLogInSettingsReachTheServer(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, []string{"USERAPI_TOKEN_TTL=90m", "USERAPI_RATE_LIMIT=1"})
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	status := 0
	for range 1000 {
		if status, _ = s.sendRequest(t, token, "GET", "/openapi/v1/users/1", ""); status == 429 {
			break
		}
	}
	require.Equal(t, 429, status)
	_, _, code := runWithInput(t, dir, "correct horse", "user", "set-password", "--user=1")
	require.Equal(t, 0, code)
	const logIn = `{"username":"default/admin","password":"correct horse"}`
	status, answer := s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", logIn)
	require.Equal(t, 200, status, answer)
	var granted struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &granted))
	require.WithinDuration(t, time.Now().Add(90*time.Minute), granted.ExpiresAt, time.Minute)
	for i := range 11 {
		status, _ = s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", strings.Replace(logIn, "horse", "house", 1))
		require.Equal(t, map[bool]int{true: 401, false: 429}[i < 10], status)
	}
	s.terminate(t)

	s = startServer(t, dir, []string{"USERAPI_LOGIN_LIMIT=1"})
	status, answer = s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", logIn)
	require.Equal(t, 200, status, answer)
	require.NoError(t, json.Unmarshal([]byte(answer), &granted))
	require.WithinDuration(t, time.Now().Add(720*time.Hour), granted.ExpiresAt, time.Minute, "the default is 720h")
	for _, want := range []int{401, 429} {
		status, _ = s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", strings.Replace(logIn, "horse", "house", 1))
		require.Equal(t, want, status)
	}
	s.terminate(t)

	s = startServer(t, dir, nil, "--login-limit=0", "--rate-limit=0", "--token-ttl=1ms")
	for range 12 {
		status, _ = s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", strings.Replace(logIn, "horse", "house", 1))
		require.Equal(t, 401, status)
	}
}

// Wrong settings are all reported together, and nothing is started.
func TestBadSettingsAreListedTogether(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, []string{
		"USERAPI_ADMIN_TOKEN=too-short-canary", "USERAPI_DATABASE=postgres://user:canary@host:port/db", "USERAPI_LOG_LEVEL=loud",
	}, "serve", "--listen=8080", "--ops-listen=nowhere", "--trusted-proxies=10.0.0.0/8, x,y/9", "--log-format=xml", "--admin-token-file=",
		"--token-ttl=soon", "--rate-limit=-1", "--login-limit=ten", "--drain=later")
	require.Equal(t, exitUsage, code)
	for _, fault := range []string{
		"USERAPI_DATABASE or --database: ", "USERAPI_LISTEN or --listen: ", "USERAPI_OPS_LISTEN or --ops-listen: ",
		"USERAPI_ADMIN_TOKEN_FILE or --admin-token-file: ", "USERAPI_ADMIN_TOKEN: ", "openssl rand -hex 32",
		`USERAPI_TRUSTED_PROXIES or --trusted-proxies: "x"`, `"y/9"`, "USERAPI_LOG_LEVEL or --log-level: ", "USERAPI_LOG_FORMAT or --log-format: ",
		"USERAPI_TOKEN_TTL or --token-ttl: ", "USERAPI_RATE_LIMIT or --rate-limit: ", "USERAPI_LOGIN_LIMIT or --login-limit: ", "USERAPI_DRAIN or --drain: ",
	} {
		require.Contains(t, stderr, fault)
	}
	require.NotContains(t, stderr, "canary")
	for _, flag := range []string{"--token-ttl=0s", "--token-ttl=-1h", "--rate-limit=1000001", "--login-limit=-1", "--login-limit=1.5", "--drain=-1s", "--drain=5"} {
		_, stderr, code := runCommand(t, dir, nil, "serve", flag)
		require.Equal(t, exitUsage, code, flag)
		require.Contains(t, stderr, "or "+strings.Split(flag, "=")[0]+": ")
	}
	for _, token := range []string{strings.Repeat("x", 31), strings.Repeat("x", 32) + " ", strings.Repeat("ü", 32), ""} {
		_, stderr, code := runCommand(t, dir, []string{"USERAPI_ADMIN_TOKEN=" + token}, "serve")
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "32 or more visible ASCII characters")
	}
	for _, args := range [][]string{{}, {"serve", "--nonsense"}, {"nonsense"}, {"token", "create"}, {"token", "create", "--user=1", "--name="}} {
		_, _, code := runCommand(t, dir, nil, args...)
		require.Equal(t, exitUsage, code, args)
	}
	for _, name := range []string{"a\nb", "\x1b[31m", "\u0085", strings.Repeat("x", 65)} {
		_, stderr, code := runCommand(t, dir, nil, "token", "create", "--user=0", "--name="+name, "--expires-in=0")
		require.Equal(t, exitUsage, code)
		for _, flag := range []string{"--user: ", "--name: ", "--expires-in: "} {
			require.Contains(t, stderr, flag)
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing was started")
}
