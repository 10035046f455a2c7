package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// When nobody can log in, the command line creates a system administrator and sets
// passwords. A running server uses the changes, and they are in the audit.
func TestUsersAreCreatedAndGetPasswords(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, nil, "user", "create", "--nick-name=root", "--enterprise-id=default")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no database")
	s := startServer(t, dir, nil)

	const secret = "canary horse"
	stdout, stderr, code := runWithInput(t, dir, "\ufeff"+secret+"\r\nmore", "user", "create", "--nick-name=root", "--enterprise-id=default",
		"--email=root@example.com", "--phone=1", "--system-administrator")
	require.Equal(t, 0, code, stderr)
	require.Equal(t, "2\n", stdout)
	logIn := func(name, password string) (int, string) {
		status, answer := s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
		var token struct{ Token string }
		require.NoError(t, json.Unmarshal([]byte(answer), &token))
		return status, token.Token
	}
	status, token := logIn("root@example.com", secret)
	require.Equal(t, 200, status)
	status, answer := s.sendRequest(t, token, "GET", "/openapi/v1/users", "")
	require.Equal(t, 200, status, "root is a system administrator")
	require.Contains(t, answer, `"client_ip":null`)

	_, stderr, code = runWithInput(t, dir, "\ufeffnew password", "user", "set-password", "--user=2")
	require.Equal(t, 0, code, stderr)
	s.requireTokenEnds(t, token)
	status, _ = logIn("default/root", secret)
	require.Equal(t, 401, status)
	status, _ = logIn("default/root", "new password")
	require.Equal(t, 200, status)

	stdout, _, code = runWithInput(t, dir, "correct horse\n", "user", "create", "--nick-name=ada", "--enterprise-id=default")
	require.Equal(t, 0, code)
	require.Equal(t, "3\n", stdout)
	status, ordinary := logIn("default/ada", "correct horse")
	require.Equal(t, 200, status)
	status, _ = s.sendRequest(t, ordinary, "GET", "/openapi/v1/users", "")
	require.Equal(t, 403, status, "ada is an ordinary user")

	for input, c := range map[string]struct {
		args []string
		code int
		text string
	}{
		"correct horse":          {[]string{"create", "--nick-name=ADA", "--enterprise-id=default"}, exitFailed, "--nick-name: "},
		"correct horse\n":        {[]string{"create", "--nick-name=x", "--enterprise-id=default", "--email=ROOT@example.com"}, exitFailed, "--email: "},
		"correct horse ":         {[]string{"set-password", "--user=99"}, exitFailed, "there is no user 99"},
		"secret":                 {[]string{"set-password", "--user=2"}, exitUsage, "password: use 8 or more characters"},
		"":                       {[]string{"set-password", "--user=2"}, exitUsage, "password: use "},
		"secret\x00 horse":       {[]string{"set-password", "--user=2"}, exitUsage, "password: use "},
		"secret\xff horse":       {[]string{"set-password", "--user=2"}, exitUsage, "password: use "},
		strings.Repeat("x", 129): {[]string{"set-password", "--user=2"}, exitUsage, "password: use "},
		"secret horse!":          {[]string{"create", "--nick-name=a\xff", "--enterprise-id=default"}, exitUsage, "the arguments must be valid UTF-8"},
		"secret horse":           {[]string{"set-password", "--user=0"}, exitUsage, "--user: "},
		"secret horses": {
			[]string{"create", "--nick-name=a b", "--enterprise-id=", "--email=x", "--phone=" + strings.Repeat("1", 33), "--database="},
			exitUsage, "--nick-name: use a name of letters and digits in any script, and of visible ASCII characters except / and @\n",
		},
	} {
		stdout, stderr, code := runWithInput(t, dir, input, append([]string{"user"}, c.args...)...)
		require.Equal(t, c.code, code, c.args)
		require.Contains(t, stderr, c.text)
		require.Empty(t, stdout)
		require.NotContains(t, stderr, "secret")
		if len(c.args) == 6 {
			for _, flag := range []string{"--enterprise-id: a value is required\n", "--email: ", "--phone: ", "--database: "} {
				require.Contains(t, stderr, flag, "all faults are reported together")
			}
		}
	}
	_, log := s.terminate(t)
	require.NotContains(t, log, secret)

	list, _, code := runCommand(t, dir, nil, "audit")
	require.Equal(t, 0, code)
	require.Regexp(t, `^TIME +ACTOR +OPERATION +USER +ENTERPRISE +FIELDS +REQUEST +TOKEN\n`, list)
	list, _, code = runCommand(t, dir, nil, "audit", "--user=2")
	require.Equal(t, 0, code)
	lines := strings.Split(strings.TrimSpace(list), "\n")[1:]
	require.Len(t, lines, 4)
	require.Regexp(t, `^\S+Z +- +createUser +2 +default +nick_name,password,enterprise_id,email,phone,is_active,role +- +-$`, lines[0])
	require.Regexp(t, `^\S+Z +2 +createAuthToken +2 +default +- +[A-Z2-7]{26} +log-in$`, lines[1])
	require.Regexp(t, `^\S+Z +- +changePassword +2 +default +password +- +-$`, lines[2])
	_, stderr, code = runCommand(t, dir, nil, "audit", "--user=99")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there never was a user 99")
	for _, command := range [][]string{{"audit"}, {"token", "list"}} {
		_, stderr, code = runCommand(t, dir, nil, append(command, "--user=0")...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "--user: use the number of a user")
	}
}

// runOnTerminal runs userapi on a terminal, answers each question with one of the lines,
// and returns what the terminal shows.
func runOnTerminal(t *testing.T, dir string, lines []string, args ...string) (shown string, status int) {
	t.Helper()
	c := command(t, dir, nil, args...)
	terminal, err := pty.Start(c)
	require.NoError(t, err)
	defer func() { require.NoError(t, terminal.Close()) }()
	var screen strings.Builder
	read := make([]byte, 1024)
	for {
		n, err := terminal.Read(read) // fails when userapi has exited
		screen.Write(read[:n])
		if err != nil {
			break
		}
		if len(lines) > 0 && strings.HasSuffix(screen.String(), ": ") {
			_, err := io.WriteString(terminal, lines[0]+"\r")
			require.NoError(t, err)
			lines = lines[1:]
		}
	}
	_ = c.Wait()
	return screen.String(), c.ProcessState.ExitCode()
}

// On a terminal, userapi asks for a password twice and does not show it.
func TestTerminalAsksForPasswordTwice(t *testing.T) {
	dir := t.TempDir()
	_, _, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	create := []string{"user", "create", "--nick-name=root", "--enterprise-id=default"}
	shown, code := runOnTerminal(t, dir, []string{"correct horse", "correct house"}, create...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, shown, "the two passwords are different")
	shown, code = runOnTerminal(t, dir, []string{"correct horse", "correct horse"}, create...)
	require.Equal(t, 0, code, shown)
	require.Contains(t, shown, "New password: ")
	require.Contains(t, shown, "Repeat the password: ")
	require.NotContains(t, shown, "horse")
	_, _, code = runCommand(t, dir, nil, "token", "create", "--user=2", "--name=x")
	require.Equal(t, 0, code, "the user was created")
	shown, code = runOnTerminal(t, dir, []string{"correct horse", "\x03"}, "user", "set-password", "--user=2")
	require.Equal(t, exitFailed, code)
	require.Contains(t, shown, "no password was entered")
}
