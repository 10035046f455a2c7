package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// The manual has a row for each setting of the server and of the mock, with its flag and its default.
func TestManualListsEverySetting(t *testing.T) {
	manual, err := os.ReadFile("README.md")
	require.NoError(t, err)
	server, err := kong.New(&serveCommand{})
	require.NoError(t, err)
	tester, err := kong.New(&mockCommand{})
	require.NoError(t, err)
	settings := 0
	for _, flag := range slices.Concat(server.Model.Flags, tester.Model.Flags) {
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

// Faults of all kinds are in one list: variables that do not exist, with the name that is nearest, flags
// and arguments that do not exist or cannot be read, and wrong values. The list has no values of variables
// that do not exist, because they may be secrets.
func TestAllKindsOfFaultsAreListedTogether(t *testing.T) {
	dir := t.TempDir()
	stdout, stderr, code := runCommand(t, dir, []string{
		"USERAPI_TRUSTED_PROXY=canary", "USERAPI_DB=canary", "USERAPI_ADMINTOKEN=canary", "USERAPI_PPROF=maybe", "USERAPI_LOG_LEVEL=info+1", "USERAPI_LISTEN=8080",
	}, "--frob=1", "serve", "--nonsense", "--token-ttl", "soon", "extra", "--pprof=perhaps", "--login-limit=x", "--rate-limit")
	require.Equal(t, exitUsage, code)
	require.Empty(t, stdout)
	require.Equal(t, `userapi: USERAPI_ADMINTOKEN: there is no such setting: use USERAPI_ADMIN_TOKEN, or remove the variable
USERAPI_DB: there is no such setting: use USERAPI_DATABASE, or remove the variable
USERAPI_TRUSTED_PROXY: there is no such setting: use USERAPI_TRUSTED_PROXIES, or remove the variable
unknown flag --frob
unknown flag --nonsense
unexpected argument extra
--pprof: bool value must be true, 1, yes, false, 0 or no but got "perhaps"
--rate-limit: expected string value but got "EOL" (<EOL>)
USERAPI_PPROF or --pprof: use true or false instead of "maybe"
serve: USERAPI_LISTEN or --listen: use HOST:PORT with a port up to 65535, for example 127.0.0.1:8080, or unix:PATH with a path of up to 107 bytes, instead of "8080"
USERAPI_TOKEN_TTL or --token-ttl: use a duration above 0, for example 720h or 30m, instead of "soon"
USERAPI_LOGIN_LIMIT or --login-limit: use 0 for no limit, or a whole number up to 1000000, instead of "x"
USERAPI_LOG_LEVEL or --log-level: use debug, info, warn or error instead of "info+1"
Run 'userapi --help' to see how to use it.
`, stderr)
	for _, c := range []struct {
		args   []string
		faults []string
	}{
		{[]string{"version"}, nil},
		{nil, []string{"expected one of"}},
		{[]string{"-x", "--frob=1", "serve", "-y", "--listen=x"}, []string{"flag -x", "--frob", "flag -y", "--listen: "}},
		{[]string{"nonsense", "--frob"}, []string{"unexpected argument nonsense"}},
		{[]string{"token", "create", "--user", "abc", "--expires-in=soon", "--frob", "--name="}, []string{"--user: ", "--expires-in: ", "--frob", "--name: "}},
		{[]string{"token", "revoke", "--database=", "--frob"}, []string{"use the number of a token", "--database: ", "--frob"}},
		{[]string{"backup", "--database=", "--frob"}, []string{"name a file, for example userapi.backup", "--database: ", "--frob"}},
		{[]string{"user", "create", "--nick-name=a\xff", "--frob"}, []string{"valid UTF-8", "--frob", "--enterprise-id: "}},
	} {
		_, stderr, code := runCommand(t, dir, []string{"USERAPI_LISTENS=canary"}, c.args...)
		require.Equal(t, exitUsage, code)
		for _, fault := range append(c.faults, "USERAPI_LISTENS: there is no such setting: use USERAPI_LISTEN,") {
			require.Contains(t, stderr, fault)
		}
		require.NotContains(t, stderr, "argument abc", "it is the value of a flag")
		require.NotContains(t, stderr, "canary")
	}
	stdout, _, code = runCommand(t, dir, []string{"USERAPI_LISTENS=1", "USERAPI_PPROF=maybe"}, "serve", "--help")
	require.Equal(t, 0, code)
	require.Equal(t, 1, strings.Count(stdout, "Usage: userapi serve"))
	require.Empty(t, namesIn(t, dir))
}

// An empty variable is not set. Variables that Kubernetes sets for a service named userapi are ignored,
// and so are wrong settings of other commands.
func TestVariablesThatAreNoSettings(t *testing.T) {
	dir := t.TempDir()
	settings := []string{
		"USERAPI_DATABASE=", "USERAPI_LISTEN=", "USERAPI_OPS_LISTEN=", "USERAPI_PPROF=", "USERAPI_ADMIN_TOKEN=", "USERAPI_ADMIN_TOKEN_FILE=", "USERAPI_FIRST_TOKEN_FILE=", "USERAPI_TLS_CERT=", "USERAPI_TLS_KEY=", "USERAPI_AUDIT_KEEP=", "USERAPI_TRUSTED_PROXIES=",
		"USERAPI_TOKEN_TTL=", "USERAPI_RATE_LIMIT=", "USERAPI_LOGIN_LIMIT=", "USERAPI_LOG_LEVEL=", "USERAPI_LOG_FORMAT=", "USERAPI_NONSENSE=",
		"USERAPI_SERVICE_HOST=10.0.0.1", "USERAPI_SERVICE_PORT=80", "USERAPI_SERVICE_PORT_HTTP=80", "USERAPI_PORT=tcp://10.0.0.1:80", "USERAPI_PORT_80_TCP_ADDR=10.0.0.1",
	}
	s := startServer(t, dir, settings)
	require.FileExists(t, filepath.Join(dir, "userapi.token"), "an empty USERAPI_ADMIN_TOKEN is none")
	s.terminate(t)
	list, stderr, code := runCommand(t, dir, append(settings, "USERAPI_LISTEN=8080", "USERAPI_PPROF=maybe"), "token", "list")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, list, "first start")
}

// Wrong settings are all reported together, and nothing is started.
func TestBadSettingsAreListedTogether(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, []string{
		"USERAPI_ADMIN_TOKEN=too-short-canary", "USERAPI_DATABASE=postgres://user:canary@host:port/db", "USERAPI_LOG_LEVEL=loud",
	}, "serve", "--listen=8080", "--ops-listen=nowhere", "--trusted-proxies=10.0.0.0/8, x,y/9", "--log-format=xml", "--admin-token-file=missing", "--first-token-file=",
		"--token-ttl=soon", "--rate-limit=-1", "--login-limit=ten", "--drain=later", "--audit-keep=1s", "--tls-key=", "--tls-cert=missing")
	require.Equal(t, exitUsage, code)
	for _, fault := range []string{
		"USERAPI_DATABASE or --database: ", "USERAPI_LISTEN or --listen: ", "USERAPI_OPS_LISTEN or --ops-listen: ",
		"USERAPI_ADMIN_TOKEN_FILE or --admin-token-file: USERAPI_ADMIN_TOKEN has the token already", "USERAPI_FIRST_TOKEN_FILE or --first-token-file: ",
		"USERAPI_TLS_KEY or --tls-key: name the file", "USERAPI_AUDIT_KEEP or --audit-keep: ", "USERAPI_ADMIN_TOKEN: ", "openssl rand -hex 32",
		`USERAPI_TRUSTED_PROXIES or --trusted-proxies: "x"`, `"y/9"`, "USERAPI_LOG_LEVEL or --log-level: ", "USERAPI_LOG_FORMAT or --log-format: ",
		"USERAPI_TOKEN_TTL or --token-ttl: ", "USERAPI_RATE_LIMIT or --rate-limit: ", "USERAPI_LOGIN_LIMIT or --login-limit: ", "USERAPI_DRAIN or --drain: ",
	} {
		require.Contains(t, stderr, fault)
	}
	require.NotContains(t, stderr, "canary")
	for _, flag := range []string{"--token-ttl=0s", "--token-ttl=-1h", "--rate-limit=1000001", "--login-limit=-1", "--login-limit=1.5", "--drain=-1s", "--drain=5", "--audit-keep=23h59m", "--audit-keep=-48h", "--audit-keep=365d", "--listen=unix:", "--ops-listen=unix:/" + strings.Repeat("x", 107)} {
		_, stderr, code := runCommand(t, dir, nil, "serve", flag)
		require.Equal(t, exitUsage, code, flag)
		require.Contains(t, stderr, "or "+strings.Split(flag, "=")[0]+": ")
	}
	for _, token := range []string{strings.Repeat("x", 31), strings.Repeat("x", 32) + " ", strings.Repeat("ü", 32)} {
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
