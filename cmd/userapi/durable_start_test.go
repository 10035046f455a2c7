package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireStartRefused fails unless serve, migrate and a command that writes refuse the database in dir with this
// text, and leave all files as they were.
func requireStartRefused(t *testing.T, dir, text string) {
	t.Helper()
	before := contents(t, dir)
	for _, args := range [][]string{
		{"serve", "--listen=127.0.0.1:0", "--ops-listen=off"}, {"migrate"}, {"token", "create", "--user=1", "--name=x"},
	} {
		stdout, stderr, code := runCommand(t, dir, nil, args...)
		require.Equal(t, exitFailed, code, "%v: %s", args, stdout)
		require.Contains(t, stderr, text, args)
		require.Equal(t, before, contents(t, dir), args)
	}
}

// killedFiles are the files of a server that was killed after changes that are in the log alone.
func killedFiles(t *testing.T) files {
	t.Helper()
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	f.waitUntilMoved(t)
	require.Equal(t, 200, f.update(t, "2"))
	f.kill(t)
	return f
}

// If the database is gone and its log is there, a start refuses: SQLite would delete the log.
func TestLogWithoutItsFileIsKept(t *testing.T) {
	t.Parallel()
	f := killedFiles(t)
	require.NoError(t, os.Rename(f.path(""), f.path(".old")))
	requireStartRefused(t, f.dir, "is missing or empty, but ")
	require.NoFileExists(t, f.path(""))
	require.NoError(t, os.WriteFile(f.path(""), nil, 0o600))
	requireStartRefused(t, f.dir, "is missing or empty, but ")
	require.NoError(t, os.Rename(f.path(".old"), f.path("")))
	require.Equal(t, 200, files{startServer(t, f.dir, nil), f.dir, f.token}.get(t, "/openapi/v1/users/1"))
	require.Equal(t, "2", phone(t, f.dir))
	// An empty log holds nothing.
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "userapi.db-wal"), nil, 0o600))
	startServer(t, dir, nil)
}

// After a crash, another file in the place of the database is refused, however it got there.
func TestOtherFileNextToALogIsRefused(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(t *testing.T, f files, older string){
		"older, copied over":         func(t *testing.T, f files, older string) { copyFile(t, older, f.path("")) },
		"older, renamed":             func(t *testing.T, f files, older string) { replace(t, older, f.path("")) },
		"older, with its older time": func(t *testing.T, f files, older string) { require.NoError(t, os.Rename(older, f.path(""))) },
		"another database":           func(t *testing.T, f files, _ string) { copyFile(t, otherDatabase(t), f.path("")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startOnFiles(t)
			older := filepath.Join(t.TempDir(), "older.db")
			for i := range 4 {
				require.Equal(t, 200, f.update(t, fmt.Sprint(i)))
				f.waitUntilMoved(t)
				if i == 1 {
					copyFile(t, f.path(""), older)
				}
			}
			require.Equal(t, 200, f.update(t, "last"))
			f.kill(t)
			put(t, f, older)
			requireStartRefused(t, f.dir, "does not belong to")
			// The way out that loses the log.
			require.NoError(t, os.Remove(f.path("-wal")))
			startServer(t, f.dir, nil).terminate(t)
			require.NotEqual(t, "last", phone(t, f.dir))
		})
	}
}

// A copy that was made while the log was the same one is completed by the log: nothing is lost. But somebody
// may have wanted the older state, so there is a warning.
func TestCopyOfTheSameLogIsCompleted(t *testing.T) {
	t.Parallel()
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	older := f.path(".copy")
	copyFile(t, f.path(""), older)
	require.Equal(t, 200, f.update(t, "2"))
	f.kill(t)
	log, err := os.Stat(f.path("-wal"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the clock of a file system ticks every few milliseconds
		copyFile(t, older, f.path(""))
		main, err := os.Stat(f.path(""))
		return err == nil && main.ModTime().After(log.ModTime())
	}, time.Minute, pollInterval)
	s := startServer(t, f.dir, nil)
	require.Contains(t, s.log.String(), "level=WARN")
	require.Contains(t, s.log.String(), "the database file was changed after its log")
	s.terminate(t)
	require.Equal(t, "2", phone(t, f.dir))
}

// A start after kill -9 warns of nothing and loses nothing.
func TestStartAfterKillIsSilent(t *testing.T) {
	t.Parallel()
	f := killedFiles(t)
	s := startServer(t, f.dir, nil)
	require.NotContains(t, s.log.String(), "level=WARN")
	s.terminate(t)
	require.Equal(t, "2", phone(t, f.dir))
}

// Another program's database is refused and stays as it is, byte for byte.
func TestOtherProgramsDatabaseIsUntouched(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string]string{
		"table":              `CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('x')`,
		"users of another":   `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)`,
		"migrated by goose":  `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER); CREATE TABLE posts (id INTEGER)`,
		"goose and users":    `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY); CREATE TABLE users (id INTEGER); CREATE TABLE tokens (id INTEGER); CREATE TABLE events (id INTEGER)`,
		"view alone":         `CREATE VIEW v AS SELECT 1`,
		"application number": `PRAGMA application_id = 252006673`,
		"WAL mode":           `PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			execute(t, dir, statements)
			requireStartRefused(t, dir, "is the database of another program")
			require.Len(t, contents(t, dir), 1, "no other file is left")
		})
	}
	t.Run("in its log alone", func(t *testing.T) {
		dir := t.TempDir()
		db := openDatabase(t, dir)
		_, err := db.ExecContext(t.Context(), `PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)`)
		require.NoError(t, err)
		requireStartRefused(t, dir, "is the database of another program")
	})
}

// What cannot be opened is named, with the way out.
func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serve := func(database string) string {
		_, stderr, code := runCommand(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off", "--database="+database)
		require.Equal(t, exitFailed, code)
		return stderr
	}
	require.Contains(t, serve("missing/userapi.db"), "the directory missing does not exist: create it")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	require.Contains(t, serve("folder"), "folder is a directory: name a file in it")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "letter"), []byte(strings.Repeat("This is a letter. ", 100)), 0o600))
	require.Contains(t, serve("letter"), "letter is not a SQLite database")
	require.Contains(t, serve("letter/userapi.db"), "letter is not a directory")
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	require.Contains(t, serve("pipe"), "pipe is not a regular file")
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	require.Contains(t, serve("loop"), "loop is a symbolic link that leads nowhere")
	stdout, _, code := runCommand(t, dir, nil, "migrate", "--database=whole.db")
	require.Equal(t, 0, code, stdout)
	require.NoError(t, os.Truncate(filepath.Join(dir, "whole.db"), 8192))
	require.Regexp(t, `whole.db is damaged: keep a copy .* 'userapi restore --replace FILE'`, serve("whole.db"))
}

// Through a symbolic link, the file and its log stand where the link leads, before and after the first start.
func TestLinkedDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.Symlink("data/real.db", filepath.Join(dir, "userapi.db")))
	for range 2 {
		f := files{startServer(t, dir, nil), dir, ""}
		f.token = readToken(t, filepath.Join(dir, "userapi.token"))
		require.Equal(t, 200, f.update(t, "1"))
		require.FileExists(t, filepath.Join(dir, "data", "real.db-wal"))
		code, log := f.terminate(t)
		require.Equal(t, 0, code, log)
	}
	require.NoFileExists(t, filepath.Join(dir, "userapi.db-wal"))
}

// A database that other users may read gets a warning.
func TestOpenModeIsLogged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, _, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o644: true, 0o640: true, 0o606: true} {
		require.NoError(t, os.Chmod(filepath.Join(dir, "userapi.db"), mode))
		_, log := startServer(t, dir, nil).terminate(t)
		require.Equal(t, warned, strings.Contains(log, "run 'chmod 600 "), "%o: %s", mode, log)
	}
}

// A start that waits for flock(2) says so after a second, and goes on when the lock is free. If the file was
// replaced while it waited, it takes the new one.
func TestStartSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "userapi.db")
	_, _, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	file, err := os.Open(path)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	c := command(t, dir, nil, "migrate")
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, c.Start())
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	require.Greater(t, time.Since(began), time.Second)
	require.Contains(t, line, "level=WARN")
	require.Contains(t, line, "another process has locked the database file with flock(2)")
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, file.Close())
	require.NoError(t, c.Wait())
	require.FileExists(t, path, "it is the database that was migrated")
	require.Equal(t, "0", strings.TrimSpace(queryText(t, dir, `SELECT COUNT(*) FROM users`)))
}

func queryText(t *testing.T, dir, query string) (text string) {
	t.Helper()
	db := openDatabase(t, dir)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&text))
	return text
}

// asNobody lets a command run as a user who owns nothing. It skips the test if this is not root.
func asNobody(t *testing.T, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("this needs root")
	}
	const nobody = 65534
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return c
}

// Commands that only read work for a user who may only read. If there is a log that they could not
// read, they refuse.
func TestRootReadersOfAReadOnlyFile(t *testing.T) {
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	open := t.TempDir()
	for dir := open; dir != os.TempDir(); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	f.waitUntilMoved(t)
	program := filepath.Join(open, "userapi.test")
	copyFile(t, os.Args[0], program)
	require.NoError(t, os.Chmod(program, 0o755))
	database := filepath.Join(open, "userapi.db")
	copyFile(t, f.path(""), database)
	require.NoError(t, os.Chmod(database, 0o644))
	run := func(args ...string) (string, string, int) {
		c := asNobody(t, command(t, open, nil, args...))
		c.Path = program
		return runToExit(t, c)
	}
	for _, args := range [][]string{{"token", "list"}, {"audit"}} {
		stdout, stderr, code := run(args...)
		require.Equal(t, 0, code, stderr)
		require.GreaterOrEqual(t, strings.Count(stdout, "\n"), 2)
	}
	require.Len(t, contents(t, open), 2, "they leave no file")
	_, stderr, code := run("token", "create", "--user=1", "--name=x")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `user 65534, may not write to .*`+open, stderr)
	_, stderr, code = run("serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "may not write to "+open)

	copyFile(t, f.path("-wal"), database+"-wal")
	require.NoError(t, os.Chmod(database+"-wal", 0o644))
	_, stderr, code = run("token", "list")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "they would be missing")
	require.NoError(t, os.Remove(database+"-wal"))
	require.NoError(t, os.Chmod(database, 0o600))
	_, stderr, code = run("audit")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "may not read")
}
