package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A first start that fails after it has written its token removes the token again.
func TestFailedFirstStartLeavesNoToken(t *testing.T) {
	dir := t.TempDir()
	_, _, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	db := openDatabase(t, dir)
	_, err := db.ExecContext(t.Context(), `CREATE TABLE fault (id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED);
		CREATE TRIGGER fault AFTER INSERT ON tokens BEGIN INSERT INTO fault VALUES (99); END`)
	require.NoError(t, err)
	_, stderr, code := runCommand(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "FOREIGN KEY")
	require.NoFileExists(t, filepath.Join(dir, "userapi.token"))
	_, err = db.ExecContext(t.Context(), `DROP TRIGGER fault`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	startServer(t, dir, nil)
	readToken(t, filepath.Join(dir, "userapi.token"))
}

func TestOperatorTokenIsTheOneInTheSettings(t *testing.T) {
	dir := t.TempDir()
	first, second := strings.Repeat("first-", 6), strings.Repeat("second", 6)
	requireStatuses := func(settings []string, want map[string]int) string {
		t.Helper()
		s := startServer(t, dir, settings)
		for token, status := range want {
			got, _ := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
			require.Equal(t, status, got)
		}
		code, log := s.terminate(t)
		require.Equal(t, 0, code)
		require.NotContains(t, log, first)
		return log
	}
	log := requireStatuses([]string{"USERAPI_ADMIN_TOKEN=" + first}, map[string]int{first: 200, second: 401})
	require.Contains(t, log, "first start")
	require.NoFileExists(t, filepath.Join(dir, "userapi.token"))
	requireStatuses([]string{"USERAPI_ADMIN_TOKEN=" + first}, map[string]int{first: 200})
	requireStatuses([]string{"USERAPI_ADMIN_TOKEN=" + second}, map[string]int{first: 401, second: 200})
	log = requireStatuses(nil, map[string]int{first: 401, second: 401})
	require.Contains(t, log, "has ended")

	s := startServer(t, dir, []string{"USERAPI_ADMIN_TOKEN=" + first})
	status, _ := s.sendRequest(t, first, "PUT", "/openapi/v1/users/1", `{"password":"new password"}`)
	require.Equal(t, 200, status)
	made, _, code := runCommand(t, dir, nil, "token", "create", "--user=1", "--name=ci")
	require.Equal(t, 0, code)
	status, _ = s.sendRequest(t, strings.TrimSpace(made), "PUT", "/openapi/v1/users/1", `{"password":"new password"}`)
	require.Equal(t, 200, status)
	status, _ = s.sendRequest(t, first, "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, "a new password does not end USERAPI_ADMIN_TOKEN")
	list, _, _ := runCommand(t, dir, nil, "token", "list")
	number := regexp.MustCompile(`(?m)^(\d+) .* operator `).FindStringSubmatch(list)
	require.NotNil(t, number, list)
	_, stderr, code := runCommand(t, dir, nil, "token", "revoke", number[1])
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "token "+number[1]+" is the operator's")
}

// The operator's token can be in a file, which the server only reads, without its line break. The token of the first start
// becomes the operator's if its file is given.
func TestOperatorTokenIsReadFromAFile(t *testing.T) {
	dir, operator := t.TempDir(), strings.Repeat("operator", 4)
	path := filepath.Join(dir, "secret")
	for _, content := range []string{operator, operator + "\n", operator + "\r\n"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o400))
		s := startServer(t, dir, []string{"USERAPI_ADMIN_TOKEN_FILE=secret"})
		status, answer := s.sendRequest(t, operator, "GET", "/openapi/v1/users/1", "")
		require.Equal(t, 200, status, answer)
		_, log := s.terminate(t)
		require.NotContains(t, log, operator)
		require.NoError(t, os.Remove(path))
	}
	require.NoFileExists(t, filepath.Join(dir, "userapi.token"))

	other := t.TempDir()
	s := startServer(t, other, nil)
	token := readToken(t, filepath.Join(other, "userapi.token"))
	s.terminate(t)
	s = startServer(t, other, nil, "--admin-token-file=userapi.token")
	status, answer := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, answer)
	list, _, code := runCommand(t, other, nil, "token", "list")
	require.Equal(t, 0, code)
	require.Regexp(t, `\n1 +1 +operator `, list)
}

// A file that has no good token is a fault, which never shows what is in it. A start that names a file that does not exist,
// as starts before 1.0.0 did, is told the new name.
func TestBadOperatorTokenFiles(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	for content, fault := range map[string]string{
		"":                                   "32 or more visible ASCII characters",
		"canary":                             "32 or more visible ASCII characters",
		strings.Repeat("canary", 6) + "\n\n": "32 or more visible ASCII characters",
		strings.Repeat("canary", 6) + " ":    "32 or more visible ASCII characters",
		"\n" + strings.Repeat("canary", 6):   "32 or more visible ASCII characters",
		strings.Repeat("canaryü", 6):         "32 or more visible ASCII characters",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(content), 0o600))
		_, stderr, code := runCommand(t, dir, nil, "serve", "--admin-token-file=secret", "--drain=x")
		require.Equal(t, exitUsage, code, "%q", content)
		require.Contains(t, stderr, "USERAPI_ADMIN_TOKEN_FILE or --admin-token-file: the file \"secret\" needs one line with "+fault)
		require.Contains(t, stderr, "--drain: ", "all faults are in one list")
		require.NotContains(t, stderr, "canary")
	}
	for file, fault := range map[string]string{
		"":        "name the file that has the token",
		"folder":  "the token cannot be read: read folder: is a directory",
		"missing": "name the file in USERAPI_FIRST_TOKEN_FILE or --first-token-file",
	} {
		_, stderr, code := runCommand(t, dir, nil, "serve", "--admin-token-file="+file)
		require.Equal(t, exitUsage, code, file)
		require.Contains(t, stderr, "USERAPI_ADMIN_TOKEN_FILE or --admin-token-file: ")
		require.Contains(t, stderr, fault)
	}
	require.Equal(t, []string{"folder", "secret"}, namesIn(t, dir))
}

// The server warns if it has to refuse the operator's token.
func TestUselessOperatorTokenIsLogged(t *testing.T) {
	dir := t.TempDir()
	operator := strings.Repeat("operator", 4)
	settings := []string{"USERAPI_ADMIN_TOKEN=" + operator}
	s := startServer(t, dir, settings)
	_, stderr, code := runWithInput(t, dir, "correct horse", "user", "create", "--nick-name=root", "--enterprise-id=default", "--system-administrator")
	require.Equal(t, 0, code, stderr)
	root, _, code := runCommand(t, dir, nil, "token", "create", "--user=2", "--name=x")
	require.Equal(t, 0, code)
	_, log := s.terminate(t)
	require.NotContains(t, log, "level=WARN")
	for _, request := range []struct {
		method, body string
		status       int
	}{{"PUT", `{"is_active":false}`, 200}, {"PUT", `{"is_active":true}`, 200}, {"DELETE", "", 204}} {
		s = startServer(t, dir, settings)
		status, _ := s.sendRequest(t, strings.TrimSpace(root), request.method, "/openapi/v1/users/1", request.body)
		require.Equal(t, request.status, status)
		s.terminate(t)
		s = startServer(t, dir, settings)
		want := 401
		if strings.Contains(request.body, "true") {
			want = 200
		}
		status, _ = s.sendRequest(t, operator, "GET", "/openapi/v1/users/2", "")
		require.Equal(t, want, status)
		_, log = s.terminate(t)
		require.Equal(t, want == 401, strings.Contains(log, "the operator's token is refused"), log)
	}
}

func TestTokensAreMadeListedAndRevoked(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, nil, "token", "list")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no database at userapi.db")

	s := startServer(t, dir, nil)
	token, stderr, code := runCommand(t, dir, nil, "token", "create", "--user", "1", "--name", "nightly job", "--expires-in", "24h")
	require.Equal(t, 0, code, stderr)
	require.Regexp(t, `^ua_[A-Za-z0-9_-]{43}\n$`, token)
	status, _ := s.sendRequest(t, strings.TrimSpace(token), "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status)

	list, _, code := runCommand(t, dir, []string{"USERAPI_DATABASE=sqlite:" + filepath.Join(dir, "userapi.db")}, "token", "list", "--user=1")
	require.Equal(t, 0, code)
	require.Regexp(t, `^ID +USER +KIND +CREATED +EXPIRES +NAME\n1 +1 +made +\S+Z +never +first start\n2 +1 +made +\S+Z +\S+Z +nightly job\n$`, list)
	list, _, _ = runCommand(t, dir, nil, "token", "list", "--user=9")
	require.Equal(t, 1, strings.Count(list, "\n"))

	_, _, code = runCommand(t, dir, nil, "token", "revoke", "2")
	require.Equal(t, 0, code)
	status, _ = s.sendRequest(t, strings.TrimSpace(token), "PUT", "/openapi/v1/users/1", `{"phone":"1"}`)
	require.Equal(t, 401, status, "writes refuse it at once")
	s.requireTokenEnds(t, strings.TrimSpace(token))
	_, stderr, code = runCommand(t, dir, nil, "token", "revoke", "2")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no token 2")
	status, _ = s.sendRequest(t, readToken(t, filepath.Join(dir, "userapi.token")), "POST", "/openapi/v1/users",
		strings.Replace(adaBody, "{", `{"is_active":null,`, 1))
	require.Equal(t, 201, status)
	token, stderr, code = runCommand(t, dir, nil, "token", "create", "--user=2", "--name=x")
	require.Equal(t, 0, code)
	require.Regexp(t, `^ua_`, token)
	require.Contains(t, stderr, "user 2 is not active")
	_, stderr, code = runCommand(t, dir, nil, "token", "create", "--user=9", "--name=x")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no user 9")
}

// A first start never overwrites a token file, which may belong to another database.
func TestTokenFileIsNotReplaced(t *testing.T) {
	t.Parallel() // the start waits for a server that does not exist
	dir := t.TempDir()
	path := filepath.Join(dir, "userapi.token")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, stderr, code := runCommand(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "move it away")
	require.Equal(t, "precious", readToken(t, path))

	s := startServer(t, dir, nil, "--first-token-file=other.token")
	status, _ := s.sendRequest(t, readToken(t, filepath.Join(dir, "other.token")), "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, "the failed start left an empty database")
}
