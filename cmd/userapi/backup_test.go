package main

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// seedUsers adds users to the database in dir, which has been migrated.
func seedUsers(t *testing.T, dir string, users int) {
	t.Helper()
	_, stderr, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code, stderr)
	db := openDatabase(t, dir)
	_, err := db.ExecContext(t.Context(), `
		PRAGMA synchronous = OFF;
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < `+fmt.Sprint(users)+`)
		INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, email, phone, phone_folded, is_active, create_time)
		SELECT n, 1, 'user' || n, 'user' || n, 'default', 'user', 'user' || n || '@example.com', '', '', 1, 0 FROM numbers`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// makeSchema6 takes the migrations after 6 back.
func makeSchema6(t *testing.T, dir string) {
	t.Helper()
	db := openDatabase(t, dir)
	_, err := db.ExecContext(t.Context(), `DROP TABLE identity; DELETE FROM goose_db_version WHERE version_id > 6`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// namesIn returns the names of the files in a folder.
func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// mountSmallDisk returns a folder that is a disk of this size.
func mountSmallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	output, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput()
	if err != nil {
		t.Skipf("this needs root, to mount a small disk: %s", output)
	}
	t.Cleanup(func() { require.NoError(t, exec.Command("umount", "--lazy", dir).Run()) }) //nolint:noctx // the context of the test has ended
	return dir
}

// requireWhole fails unless the database is whole, and all that is derived in it is right.
func requireWhole(t *testing.T, db *sql.DB) {
	t.Helper()
	for query, want := range map[string]string{
		`PRAGMA integrity_check`:                        "ok",
		`SELECT COUNT(*) FROM pragma_foreign_key_check`: "0",
		`SELECT (SELECT COUNT(*) FROM users) - SUM(total) FROM user_counts WHERE enterprise_id = ''`:                             "0",
		`SELECT (SELECT COUNT(*) FROM users) - SUM(total) FROM user_counts WHERE enterprise_id <> ''`:                            "0",
		`SELECT COUNT(*) FROM event_targets JOIN events ON id = event_id WHERE events.target_id <> event_targets.target_id`:      "0",
		`SELECT (SELECT COUNT(*) FROM event_targets) - (SELECT COUNT(*) FROM events, event_progress WHERE events.id <= indexed)`: "0",
	} {
		got := ""
		require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&got), query)
		require.Equal(t, want, got, query)
	}
}

func TestBackupNextToAServerAndWithout(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, nil, "backup", "b.db")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is no database at userapi.db")
	require.Empty(t, namesIn(t, dir))

	s := startServer(t, dir, nil)
	status, _ := s.sendRequest(t, readToken(t, filepath.Join(dir, "userapi.token")), "POST", "/openapi/v1/users", adaBody)
	require.Equal(t, 201, status)
	requireBackup := func(name string) {
		t.Helper()
		before := namesIn(t, dir)
		stdout, stderr, code := runCommand(t, dir, nil, "backup", name)
		require.Equal(t, 0, code, stderr)
		require.Empty(t, stderr)
		require.ElementsMatch(t, append(before, name), namesIn(t, dir), "the backup is one file")
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("2 users, 3 events, schema 9\n%x  %s\n", sha256.Sum256(content), name), stdout)
	}
	requireBackup("next.db")
	code, _ = s.terminate(t)
	require.Equal(t, 0, code)
	requireBackup("after.db")

	// After kill -9, the backup has what is in the log, and the log stays as it is.
	s = startServer(t, dir, nil)
	_, _, code = runCommand(t, dir, nil, "token", "create", "--user=1", "--name=x")
	require.Equal(t, 0, code)
	require.NoError(t, s.cmd.Process.Kill())
	<-s.logEnded
	_ = s.cmd.Wait()
	log, err := os.ReadFile(filepath.Join(dir, "userapi.db-wal"))
	require.NoError(t, err)
	require.NotEmpty(t, log)
	stdout, stderr, code := runCommand(t, dir, nil, "backup", "killed.db")
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "2 users, 4 events, schema 9\n")
	after, err := os.ReadFile(filepath.Join(dir, "userapi.db-wal"))
	require.NoError(t, err)
	require.True(t, string(log) == string(after), "the log of the killed server is unchanged")
}

// A backup never replaces anything.
func TestBackupReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	_, _, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("precious"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "log.db-wal"), []byte("precious"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "link")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	before := namesIn(t, dir)
	for _, name := range []string{"file", "folder", "link", "pipe", "userapi.db", "log.db"} {
		_, stderr, code := runCommand(t, dir, nil, "backup", name)
		require.Equal(t, exitFailed, code, name)
		require.Contains(t, stderr, "a backup never replaces one")
	}
	_, stderr, code := runCommand(t, dir, nil, "backup", "missing/b.db")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "missing")
	require.Equal(t, before, namesIn(t, dir))
	require.Equal(t, "precious", readToken(t, filepath.Join(dir, "file")))

	for _, database := range []string{"postgres://user:canary@host/db", "postgresql://user:canary@host/db"} {
		for command, tool := range map[string]string{"backup": "pg_dump", "restore": "pg_restore"} {
			_, stderr, code := runCommand(t, dir, nil, command, "--database="+database, "b.db")
			require.Equal(t, exitUsage, code)
			require.Contains(t, stderr, "use "+tool+" for PostgreSQL")
			require.NotContains(t, stderr, "canary")
		}
	}
}

// If the disk is full, the backup fails with one sentence and leaves nothing. A migration that
// cannot keep its backup changes nothing.
func TestRootBackupOnAFullDisk(t *testing.T) {
	dir := mountSmallDisk(t, "1m")
	source := t.TempDir()
	seedUsers(t, source, 12_000)
	_, stderr, code := runCommand(t, source, nil, "backup", filepath.Join(dir, "b.db"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "there is not enough free space on the disk of "+dir)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	require.Empty(t, namesIn(t, dir))

	dir = mountSmallDisk(t, "3m")
	makeSchema6(t, source)
	before, err := os.ReadFile(filepath.Join(source, "userapi.db"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "userapi.db"), before, 0o600))
	for _, args := range [][]string{{"migrate"}, {"serve", "--listen=127.0.0.1:0", "--ops-listen=off"}} {
		_, stderr, code = runCommand(t, dir, nil, args...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "there is not enough free space")
		require.Contains(t, stderr, "--no-backup leaves it out")
		require.Equal(t, []string{"userapi.db"}, namesIn(t, dir))
		after, err := os.ReadFile(filepath.Join(dir, "userapi.db"))
		require.NoError(t, err)
		require.True(t, string(before) == string(after), "the database is unchanged")
	}
	stdout, stderr, code := runCommand(t, dir, nil, "migrate", "--no-backup")
	require.Equal(t, 0, code, stderr)
	require.Equal(t, "userapi.db has schema 9\n", stdout)
	require.Equal(t, []string{"userapi.db"}, namesIn(t, dir))
}

// serve and migrate say where they keep the backup before a migration.
func TestMigrationSaysWhereItsBackupIs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"userapi.db.schema-6", "userapi.db.schema-6.2"} {
		_, _, code := runCommand(t, dir, nil, "migrate")
		require.Equal(t, 0, code)
		makeSchema6(t, dir)
		if strings.HasSuffix(name, ".2") {
			s := startServer(t, dir, nil)
			_, log := s.terminate(t)
			require.Contains(t, log, "/"+name+" ")
		} else {
			_, stderr, code := runCommand(t, dir, nil, "migrate")
			require.Equal(t, 0, code)
			require.Contains(t, stderr, "/"+name+" ")
		}
		require.FileExists(t, filepath.Join(dir, name))
	}
}

// countingWriter is a client that changes the phone number of its own user again and again. Any
// goroutine may read its numbers.
type countingWriter struct {
	user               int
	sent, acknowledged atomic.Int64
}

func (w *countingWriter) write(t *testing.T, s *server, token string, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		number := w.sent.Add(1)
		status, _, err := s.attemptRequest(t, token, "PUT", fmt.Sprintf("/openapi/v1/users/%d", w.user), fmt.Sprintf(`{"phone":"%d"}`, number))
		if err != nil {
			return
		}
		if status != 200 {
			t.Errorf("status %d", status)
			return
		}
		w.acknowledged.Store(number)
	}
}

// Next to writers, and while the server is killed, each backup restores to a state between its
// begin and its end.
func TestBackupsUnderLoadRestoreToAStateOfTheHistory(t *testing.T) {
	t.Parallel()
	const rounds, clients = 50, 8
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	var writers []*countingWriter
	s.createUsers(t, token, clients)
	for i := range clients {
		writers = append(writers, &countingWriter{user: 2 + i})
	}
	s.terminate(t)
	for round := range rounds {
		s := startServer(t, dir, nil)
		stop := make(chan struct{})
		var running sync.WaitGroup
		for _, w := range writers {
			running.Go(func() { w.write(t, s, token, stop) })
		}
		kill := func() {
			require.NoError(t, s.cmd.Process.Kill())
			<-s.logEnded
			require.Error(t, s.cmd.Wait())
			running.Wait()
		}
		for target := writers[0].acknowledged.Load() + 5; writers[0].acknowledged.Load() < target; {
			runtime.Gosched()
		}
		backup, killed := fmt.Sprintf("backup-%d.db", round), round%3
		if killed == 0 { // the backup reads the log of a killed server
			kill()
		}
		least := make([]int64, clients)
		for i, w := range writers {
			least[i] = w.acknowledged.Load()
		}
		c := command(t, dir, nil, "backup", backup)
		require.NoError(t, c.Start())
		if killed == 1 { // the server is killed while the backup runs
			kill()
		}
		require.NoError(t, c.Wait())
		most := make([]int64, clients)
		for i, w := range writers {
			most[i] = w.sent.Load()
		}
		if killed == 2 {
			kill()
		}
		requireState(t, dir, backup, writers, least, most)
	}
}

// requireState restores the backup in dir, and fails unless it holds one moment at which the phone
// number of each writer was within its bounds.
func requireState(t *testing.T, dir, backup string, writers []*countingWriter, least, most []int64) {
	t.Helper()
	into := t.TempDir()
	_, stderr, code := runCommand(t, into, nil, "restore", filepath.Join(dir, backup))
	require.Equal(t, 0, code, stderr)
	db := openDatabase(t, into)
	defer func() { require.NoError(t, db.Close()) }()
	requireWhole(t, db)
	for i, w := range writers {
		var phone, version, events int64
		require.NoError(t, db.QueryRowContext(t.Context(), `
			SELECT CAST(phone AS INTEGER), version, (SELECT COUNT(*) FROM events WHERE target_id = users.id AND operation = 'updateUser')
			FROM users WHERE id = ?`, w.user).Scan(&phone, &version, &events))
		require.GreaterOrEqual(t, phone, least[i], "it was acknowledged before the backup began")
		require.LessOrEqual(t, phone, most[i], "it was sent before the backup ended")
		require.Equal(t, events, version-1, "users and events are of the same moment")
	}
	require.NoError(t, os.RemoveAll(into))
}
