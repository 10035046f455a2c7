package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// readFiles returns the contents of the files in a folder, except those of the index of a log,
// which each reader writes again.
func readFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range namesIn(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		if !strings.HasSuffix(name, "-shm") {
			files[name] = string(content)
		}
	}
	return files
}

// requireRefused fails unless the command fails with this text and changes nothing in dir.
func requireRefused(t *testing.T, dir, want string, args ...string) {
	t.Helper()
	before := readFiles(t, dir)
	_, stderr, code := runCommand(t, dir, nil, args...)
	require.Equal(t, exitFailed, code, "%v: %s", args, stderr)
	require.Contains(t, stderr, want)
	after := readFiles(t, dir)
	require.Len(t, after, len(before), "%v", args)
	for name, content := range before {
		require.True(t, content == after[name], "%v changes %s", args, name)
	}
}

// makeBackup makes a database with a few users in dir, and b.db, its backup.
func makeBackup(t *testing.T, dir string) {
	t.Helper()
	seedUsers(t, dir, 3000)
	_, stderr, code := runCommand(t, dir, nil, "backup", "b.db")
	require.Equal(t, 0, code, stderr)
}

// A database that any process has open is not replaced, and the message names the process.
func TestRestoreRefusesAnOpenDatabase(t *testing.T) {
	dir := t.TempDir()
	makeBackup(t, dir)
	requireRefused(t, dir, "there is a database at userapi.db: use --replace", "restore", "b.db")

	s := startServer(t, dir, nil)
	before := namesIn(t, dir)
	_, stderr, code := runCommand(t, dir, nil, "restore", "--replace", "b.db")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, fmt.Sprintf("process %d has %s open: stop it first", s.cmd.Process.Pid, "userapi.db"))
	require.Equal(t, before, namesIn(t, dir))
	s.terminate(t)

	db := openDatabase(t, dir) // as the program sqlite3 does
	tables := 0
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM sqlite_schema`).Scan(&tables))
	_, stderr, code = runCommand(t, dir, nil, "restore", "--replace", "b.db")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, fmt.Sprintf("process %d has userapi.db open", os.Getpid()))
	require.NoError(t, db.Close())

	file, err := os.Open(filepath.Join(dir, "userapi.db"))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	requireRefused(t, dir, "another process starts on userapi.db", "restore", "--replace", "b.db")
	require.NoError(t, file.Close())
	_, stderr, code = runCommand(t, dir, nil, "restore", "--replace", "b.db")
	require.Equal(t, 0, code, stderr)
}

// changeDatabase returns the content of a database file after these statements.
func changeDatabase(t *testing.T, content, statements string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "userapi.db"), []byte(content), 0o600))
	db := openDatabase(t, dir)
	_, err := db.ExecContext(t.Context(), statements)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return readFiles(t, dir)["userapi.db"]
}

// What is not a whole database of userapi is refused, and neither it nor the database changes.
func TestRestoreRefusesBadFiles(t *testing.T) {
	dir := t.TempDir()
	makeBackup(t, dir)
	good, err := os.ReadFile(filepath.Join(dir, "b.db"))
	require.NoError(t, err)
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	const page = 4096
	write("truncated.db", string(good[:len(good)/2/page*page]))
	write("cut.db", string(good[:len(good)-100]))
	write("empty.db", "")
	write("text.db", "nick_name,phone\n")
	write("page.db", string(good[:20*page])+strings.Repeat("\x00", page)+string(good[21*page:]))
	index := strings.LastIndex(string(good), "user1500@example.com") // in the table or in its index
	write("index.db", string(good[:index])+"x"+string(good[index+1:]))
	write("byte.db", string(good[:30*page])+strings.Repeat("\xff", 64)+string(good[30*page+64:]))
	for name, statement := range map[string]string{
		"newer.db":  `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`,
		"counts.db": `UPDATE user_counts SET total = total + 1 WHERE enterprise_id = ''`,
	} {
		write(name, changeDatabase(t, string(good), statement))
	}
	write("foreign.db", changeDatabase(t, "", `CREATE TABLE songs (id INTEGER); INSERT INTO songs VALUES (1)`))
	write("log.db", string(good))
	write("log.db-wal", "frames")
	for name, want := range map[string]string{
		"truncated.db": "cannot be restored", "cut.db": "cannot be restored", "page.db": "cannot be restored", "byte.db": "cannot be restored",
		"index.db": "the database is damaged: row ",
		"empty.db": "not an SQLite database", "text.db": "not an SQLite database", "foreign.db": "not a database of userapi",
		"newer.db": "run a newer userapi", "counts.db": "counts of users are wrong", "log.db": "log.db-wal",
		"missing.db": "there is no file at missing.db",
		"userapi.db": "is the database itself", ".": "is not a regular file",
	} {
		requireRefused(t, dir, want, "restore", "--replace", name)
	}
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "link.db")))
	_, stderr, code := runCommand(t, dir, nil, "restore", "--replace", "link.db")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no file at link.db")

	// Somebody may be writing to a file that is open.
	write("held.db", string(good))
	held, err := sql.Open("sqlite3", filepath.Join(dir, "held.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, held.Close()) }()
	rows, err := held.QueryContext(t.Context(), `SELECT id FROM users`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	require.True(t, rows.Next())
	_, stderr, code = runCommand(t, dir, nil, "restore", "--replace", "held.db")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, fmt.Sprintf("process %d has held.db open", os.Getpid()))
	require.NoError(t, rows.Err())
}

// grantedToken logs in.
func grantedToken(t *testing.T, s *server, name string) string {
	t.Helper()
	status, answer := s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":%q,"password":"correct horse"}`, name))
	require.Equal(t, 200, status, answer)
	var granted struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(answer), &granted))
	return granted.Token
}

// A restore ends log-in tokens unless it is told not to, and lists all others: a backup brings
// back those that were revoked after it.
func TestTokensAfterARestore(t *testing.T) {
	dir, operator := t.TempDir(), "USERAPI_ADMIN_TOKEN="+strings.Repeat("operator", 4)
	s := startServer(t, dir, []string{operator})
	status, answer := s.sendRequest(t, strings.Repeat("operator", 4), "POST", "/openapi/v1/users", strings.Replace(adaBody, "{", `{"is_active":true,`, 1))
	require.Equal(t, 201, status, answer)
	logIn := grantedToken(t, s, "default/ada")
	made, _, code := runCommand(t, dir, nil, "token", "create", "--user=2", "--name=nightly job")
	require.Equal(t, 0, code)
	_, _, code = runCommand(t, dir, nil, "token", "create", "--user=2", "--name=brief", "--expires-in=1ns")
	require.Equal(t, 0, code)
	_, stderr, code := runCommand(t, dir, nil, "backup", "b.db")
	require.Equal(t, 0, code, stderr)
	_, _, code = runCommand(t, dir, nil, "token", "revoke", "3")
	require.Equal(t, 0, code)
	code, _ = s.terminate(t)
	require.Equal(t, 0, code)
	for _, keep := range []bool{false, true} {
		stdout, stderr, code := runCommand(t, dir, nil, "restore", "--replace", fmt.Sprintf("--keep-tokens=%v", keep), "b.db")
		require.Equal(t, 0, code, stderr)
		require.Empty(t, stderr)
		require.Regexp(t, `^userapi.db has been restored: 2 users, 6 events, schema 9\nthe old database is kept as userapi.db.replaced-\d{8}T\d{6}Z(\.2)?\n`, stdout)
		require.Regexp(t, `\nID +USER +KIND +CREATED +NAME\n1 +1 +operator +\S+Z +\S.*\n3 +2 +made +\S+Z +nightly job\n$`, stdout)
		require.Equal(t, keep, strings.Contains(stdout, "\n1 log-in tokens are valid again"), stdout)
		require.Equal(t, !keep, strings.Contains(stdout, "\n1 log-in tokens have ended\n"), stdout)
		s := startServer(t, dir, []string{operator})
		for token, want := range map[string]int{logIn: map[bool]int{false: 401, true: 200}[keep], strings.TrimSpace(made): 200} {
			status, answer := s.sendRequest(t, token, "GET", "/openapi/v1/users/2", "")
			require.Equal(t, want, status, answer)
		}
		code, _ = s.terminate(t)
		require.Equal(t, 0, code)
	}
}

// An ETag that a client got after the backup does not fit after the restore, and the number of a
// user who was made after the backup is not given again.
func TestETagsAndNumbersDoNotComeBack(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	create := func(s *server, name string) string {
		status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", name, 1))
		require.Equal(t, 201, status, answer)
		return regexp.MustCompile(`"user_id":\d+`).FindString(answer)
	}
	send := func(s *server, method, etag, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, s.url+"/openapi/v1/users/2", strings.NewReader(body))
		require.NoError(t, err)
		request.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		if etag != "" {
			request.Header.Set("If-Match", etag)
		}
		response, err := s.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header.Get("ETag")
	}
	create(s, "ada")
	_, _, code := runCommand(t, dir, nil, "backup", "b.db")
	require.Equal(t, 0, code)
	status, _ := send(s, "PUT", "", `{"phone":"1"}`)
	require.Equal(t, 200, status)
	_, etag := send(s, "GET", "", "")
	require.Equal(t, `"2"`, etag)
	require.Equal(t, `"user_id":3`, create(s, "bob"))
	s.terminate(t)
	stdout, stderr, code := runCommand(t, dir, nil, "restore", "--replace", "b.db")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "the next user gets the number 4; the versions of 1 users were raised")
	s = startServer(t, dir, nil)
	status, _ = send(s, "PUT", etag, `{"phone":"2"}`)
	require.Equal(t, 412, status)
	_, restored := send(s, "GET", "", "")
	require.Equal(t, `"3"`, restored)
	require.Equal(t, `"user_id":4`, create(s, "eve"))
}

// A database that cannot be read is replaced and kept, and a line says what that means.
func TestRestoreOverADamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	makeBackup(t, dir)
	path := filepath.Join(dir, "userapi.db")
	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
	require.NoError(t, os.WriteFile(path+"-wal", []byte("rubbish"), 0o600))
	stdout, stderr, code := runCommand(t, dir, nil, "restore", "--replace", "b.db")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stderr, "level=WARN")
	require.Contains(t, stderr, "ETags that it gave after the backup may come back")
	kept := regexp.MustCompile(`is kept as (\S+)`).FindStringSubmatch(stdout)
	require.NotNil(t, kept, stdout)
	files := readFiles(t, dir)
	require.Equal(t, "garbage", files[kept[1]])
	require.Equal(t, "rubbish", files[kept[1]+"-wal"])
	startServer(t, dir, nil)

	// Without a file, a log is not overwritten either.
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "userapi.db-wal"), []byte("frames"), 0o600))
	requireRefused(t, other, "use --replace to keep the log", "restore", filepath.Join(dir, "b.db"))
	_, stderr, code = runCommand(t, other, nil, "restore", "--replace", filepath.Join(dir, "b.db"))
	require.Equal(t, 0, code, stderr)
	require.Len(t, namesIn(t, other), 2)
}

// A restore to a full or read-only disk changes nothing there.
func TestRootRestoreToADiskThatCannotHoldIt(t *testing.T) {
	dir := mountSmallDisk(t, "1m")
	source := t.TempDir()
	seedUsers(t, source, 12_000)
	_, _, code := runCommand(t, source, nil, "backup", "b.db")
	require.Equal(t, 0, code)
	_, _, code = runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	requireRefused(t, dir, "no space left on device", "restore", "--replace", filepath.Join(source, "b.db"))
	requireRefused(t, dir, "no space left on device", "restore", "--database=new.db", filepath.Join(source, "b.db"))
	output, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,ro", dir).CombinedOutput()
	require.NoError(t, err, string(output))
	requireRefused(t, dir, "read-only file system", "restore", "--replace", filepath.Join(source, "b.db"))
	requireRefused(t, dir, "read-only file system", "backup", "b.db")
	stdout, stderr, code := runCommand(t, dir, nil, "backup", filepath.Join(source, "copy.db"))
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "0 users, 0 events", "a read-only disk can be backed up")
}

// untilDraft waits until the command has begun to write its draft in dir.
func untilDraft(t *testing.T, dir string) {
	t.Helper()
	for {
		drafts, err := filepath.Glob(filepath.Join(dir, ".userapi-*.tmp", "database"))
		require.NoError(t, err)
		if len(drafts) > 0 {
			return
		}
		runtime.Gosched()
	}
}

// requireLowPriority fails unless all threads of a process have a lower priority than this one.
func requireLowPriority(t *testing.T, pid int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	require.NoError(t, err)
	for _, thread := range namesIn(t, fmt.Sprintf("/proc/%d/task", pid)) {
		id, err := strconv.Atoi(thread)
		require.NoError(t, err)
		priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, id)
		require.NoError(t, err)
		require.Equal(t, max(1, own-niceness), priority)
	}
}

// A signal ends a backup and a restore, and nothing is left of them. A server that starts during a
// restore waits for its end.
func TestInterruptedCopiesLeaveNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seedUsers(t, dir, 200_000)
	interrupt := func(signal os.Signal, want []string, args ...string) {
		t.Helper()
		c := command(t, dir, nil, args...)
		require.NoError(t, c.Start())
		untilDraft(t, dir)
		if args[0] == "backup" {
			requireLowPriority(t, c.Process.Pid)
		}
		require.NoError(t, c.Process.Signal(signal))
		require.Error(t, c.Wait())
		require.Equal(t, exitFailed, c.ProcessState.ExitCode())
		require.Equal(t, want, namesIn(t, dir))
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		interrupt(signal, []string{"userapi.db"}, "backup", "b.db")
	}
	_, _, code := runCommand(t, dir, nil, "backup", "b.db")
	require.Equal(t, 0, code)
	interrupt(syscall.SIGTERM, []string{"b.db", "userapi.db"}, "restore", "--replace", "b.db")

	c := command(t, dir, nil, "restore", "--replace", "b.db")
	require.NoError(t, c.Start())
	untilDraft(t, dir)
	require.NoError(t, c.Process.Signal(syscall.SIGSTOP))
	migration := command(t, dir, nil, "migrate")
	require.NoError(t, migration.Start())
	requireRefused(t, t.TempDir(), "another process starts on", "restore", "--database="+filepath.Join(dir, "userapi.db"), "--replace", filepath.Join(dir, "b.db"))
	require.NoError(t, c.Process.Signal(syscall.SIGCONT))
	require.NoError(t, c.Wait())
	require.NoError(t, migration.Wait())
	db := openDatabase(t, dir)
	mode := ""
	require.NoError(t, db.QueryRowContext(t.Context(), `PRAGMA journal_mode`).Scan(&mode))
	require.Equal(t, "wal", mode, "the migration has opened the restored database")
}
