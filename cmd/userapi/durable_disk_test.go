package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// disk lets calls of a server's files fail.
type disk struct{ settings, faults string }

// buildDisk returns a disk that works. It skips the test where nothing can be preloaded.
func buildDisk(t *testing.T) disk {
	t.Helper()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("this needs LD_PRELOAD and /proc of Linux")
	}
	dir := t.TempDir()
	library, faults := filepath.Join(dir, "fault.so"), filepath.Join(dir, "faults")
	output, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", library, "testdata/fault.c", "-ldl").CombinedOutput()
	require.NoError(t, err, string(output))
	d := disk{library, faults}
	d.fail(t)
	return d
}

// fail lets these calls fail from now on, and no others.
func (d disk) fail(t *testing.T, calls ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(d.faults+".new", []byte(strings.Join(calls, "\n")+"\n"), 0o600))
	require.NoError(t, os.Rename(d.faults+".new", d.faults))
}

// start starts a server on the disk.
func (d disk) start(t *testing.T) files {
	t.Helper()
	return startOnFiles(t, "LD_PRELOAD="+d.settings, "FAULT_FILE="+d.faults)
}

// If the disk does not confirm a commit, the server ends without an answer: what it had answered could be
// wrong after the next start.
func TestUnconfirmedCommitEndsTheServer(t *testing.T) {
	t.Parallel()
	for _, change := range []struct{ method, path, body string }{
		{"PUT", "/openapi/v1/users/1", `{"phone":"2"}`},
		{"DELETE", "/openapi/v1/users/2", ""},
		{"POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", "bob", 1)},
	} {
		t.Run(change.method, func(t *testing.T) {
			t.Parallel()
			d := buildDisk(t)
			f := d.start(t)
			status, answer := f.sendRequest(t, f.token, "POST", "/openapi/v1/users", adaBody)
			require.Equal(t, 201, status, answer)
			require.Equal(t, 200, f.update(t, "1"))
			d.fail(t, "fsync userapi.db-wal")
			status, answer, err := f.attemptRequest(t, f.token, change.method, change.path, change.body)
			require.Error(t, err, "%d %s", status, answer)
			<-f.logEnded
			_ = f.cmd.Wait()
			require.Equal(t, exitFailed, f.cmd.ProcessState.ExitCode())
			require.Contains(t, f.log.String(), "the disk did not confirm a commit")
			d.fail(t)
			next := files{startServer(t, f.dir, nil), f.dir, f.token}
			require.Equal(t, 200, next.update(t, "3"))
		})
	}
}

// A command ends the same way.
func TestUnconfirmedCommitEndsACommand(t *testing.T) {
	t.Parallel()
	d := buildDisk(t)
	dir := t.TempDir()
	_, _, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code)
	d.fail(t, "fsync userapi.db-wal")
	c := command(t, dir, []string{"LD_PRELOAD=" + d.settings, "FAULT_FILE=" + d.faults},
		"user", "create", "--nick-name=ada", "--enterprise-id=default")
	c.Stdin = strings.NewReader("correct horse")
	stdout, stderr, code := runToExit(t, c)
	require.Equal(t, exitFailed, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "the disk did not confirm a commit")
}

// If checkpoints fail, changes go on, because they are in the log. The log, a metric and, later, /readyz
// say so.
func TestFailingCheckpointsAreTold(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"fsync userapi.db", "pwrite userapi.db"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			d := buildDisk(t)
			f := d.start(t)
			d.fail(t, call)
			require.Equal(t, 200, f.update(t, "1"))
			require.Eventually(t, func() bool { return f.metric(t, "userapi_checkpoint_failures_total") >= "2" }, time.Minute, pollInterval)
			require.Equal(t, 200, f.update(t, "2"))
			require.Equal(t, 200, f.get(t, "/readyz"), "it lasts for less than a minute")
			require.NotEqual(t, "0", f.metric(t, "userapi_wal_unmoved_frames"))
			d.fail(t)
			f.waitUntilMoved(t)
			code, log := f.terminate(t)
			require.Equal(t, 0, code)
			require.Equal(t, 1, strings.Count(log, "a checkpoint failed"), "a line a minute")
			require.Contains(t, log, "checkpoints work again")
			require.Equal(t, "2", phone(t, f.dir))
		})
	}
}

// requireUnwritable fails unless the server refuses changes with 503, answers reads, and is not ready.
func requireUnwritable(t *testing.T, f files) {
	t.Helper()
	require.Eventually(t, func() bool { return f.update(t, strings.Repeat("7", 30)) == 503 }, time.Minute, time.Millisecond)
	for range 5 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.url+"/openapi/v1/users/1", strings.NewReader(`{"phone":"refused"}`))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+f.token)
		request.Header.Set("Content-Type", "application/json")
		response, err := f.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		if response.StatusCode == http.StatusOK { // a small change may still have room
			continue
		}
		require.Equal(t, 503, response.StatusCode)
		require.NotEmpty(t, response.Header.Get("Retry-After"))
		status, answer := f.sendRequest(t, f.token, "GET", "/readyz", "")
		require.Equal(t, 503, status)
		require.Contains(t, answer, "The database cannot be written.")
	}
	require.Equal(t, 200, f.get(t, "/openapi/v1/users/1"))
	require.Equal(t, 200, f.get(t, "/openapi/v1/users"))
	require.Equal(t, 200, f.get(t, "/healthz"))
}

// requireWritableAgain fails unless the server recovers by itself.
func requireWritableAgain(t *testing.T, f files) {
	t.Helper()
	f.waitFor(t, "/readyz", 200)
	require.Equal(t, 200, f.update(t, "kept"))
	code, log := f.terminate(t)
	require.Equal(t, 0, code, log)
	require.Equal(t, 1, strings.Count(log, "changes are refused until the disk accepts them"), "a line a minute")
	require.Contains(t, log, "the database can be written again")
	require.Equal(t, "kept", phone(t, f.dir))
	require.Equal(t, "ok", queryText(t, f.dir, `PRAGMA integrity_check`))
}

// If a write of the log fails, nothing was committed. The server goes on when the disk does.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	d := buildDisk(t)
	f := d.start(t)
	require.Equal(t, 200, f.update(t, "1"))
	d.fail(t, "pwrite userapi.db-wal")
	requireUnwritable(t, f)
	d.fail(t)
	requireWritableAgain(t, f)
}

// So it is at the limit of a file's size.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := command(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0")
	shell := exec.CommandContext(t.Context(), "sh", "-c", `trap '' XFSZ; ulimit -S -f 400; exec "$@"`, "sh", c.Path)
	shell.Args = append(shell.Args, c.Args[1:]...)
	shell.Dir, shell.Env = c.Dir, c.Env
	f := files{waitForServer(t, shell), dir, ""}
	f.token = readToken(t, filepath.Join(dir, "userapi.token"))
	reader := holdReader(t, dir) // so that the log grows
	requireUnwritable(t, f)
	reader()
	requireWritableAgain(t, f)
}

// holdReader opens a reader that keeps the log from beginning anew, until release is called.
func holdReader(t *testing.T, dir string) (release func()) {
	t.Helper()
	db := openDatabase(t, dir)
	rows, err := db.QueryContext(t.Context(), `SELECT id FROM users UNION ALL SELECT 0`)
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.NoError(t, rows.Err())
	return func() {
		require.NoError(t, errors.Join(rows.Close(), db.Close()))
	}
}

// mount mounts a file system. It skips the test if that is not allowed.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Skipf("this needs root, or another right to mount: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(target, syscall.MNT_DETACH)) })
}

// On a full disk, changes are refused and reads go on, until there is room again.
func TestRootFullDisk(t *testing.T) {
	for _, size := range []string{"600k", "4m"} {
		t.Run(size, func(t *testing.T) {
			dir := t.TempDir()
			mount(t, "tmpfs", dir, "tmpfs", 0, "size="+size)
			f := files{startServer(t, dir, nil), dir, ""}
			f.token = readToken(t, filepath.Join(dir, "userapi.token"))
			require.Equal(t, 200, f.update(t, "1"))
			ballast := filepath.Join(dir, "ballast")
			fill(t, ballast)
			release := holdReader(t, dir) // so that the log grows
			requireUnwritable(t, f)
			release()
			require.NoError(t, os.Remove(ballast))
			requireWritableAgain(t, f)
		})
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
}

// On a read-only mount, commands that read work, and all others say what is wrong.
func TestRootReadOnlyMount(t *testing.T) {
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=8m")
	f := files{startServer(t, dir, nil), dir, ""}
	f.token = readToken(t, filepath.Join(dir, "userapi.token"))
	f.waitUntilMoved(t)
	for _, args := range [][]string{{"token", "list"}, {"audit"}} {
		_, stderr, code := runCommand(t, dir, nil, args...)
		require.Equal(t, 0, code, stderr)
	}
	_, _ = f.terminate(t)
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=8m"))
	_, stderr, code := runCommand(t, dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "mounted read-only")
	for _, args := range [][]string{{"token", "list"}, {"audit"}} {
		stdout, stderr, code := runCommand(t, dir, nil, args...)
		require.Equal(t, 0, code, stderr)
		require.GreaterOrEqual(t, strings.Count(stdout, "\n"), 2)
	}
	_, stderr, code = runCommand(t, dir, nil, "token", "create", "--user=1", "--name=x")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "mounted read-only")
}

// A file that is itself a mount point is refused. A mounted directory is not, and two servers may use one
// directory under two names.
func TestRootMounts(t *testing.T) {
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	f.waitUntilMoved(t) // so that the file stays as it is
	other := t.TempDir()
	single := filepath.Join(other, "userapi.db")
	require.NoError(t, os.WriteFile(single, nil, 0o600))
	mount(t, f.path(""), single, "", syscall.MS_BIND, "")
	requireStartRefused(t, other, "is a mount point")
	both := filepath.Join(t.TempDir(), "a b")
	require.NoError(t, os.Mkdir(both, 0o700))
	mount(t, f.dir, both, "", syscall.MS_BIND, "")
	second := files{startServer(t, both, nil), both, f.token}
	for i := range 20 {
		require.Equal(t, 200, second.update(t, fmt.Sprint(i)))
		require.Equal(t, 200, f.update(t, fmt.Sprint(i)))
	}
	for _, s := range []files{second, f} {
		code, log := s.terminate(t)
		require.Equal(t, 0, code, log)
	}
}

// Something mounted over the directory of a running server hides its files.
func TestRootMountOverADirectory(t *testing.T) {
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	mount(t, "tmpfs", f.dir, "tmpfs", 0, "size=1m")
	require.Equal(t, 503, f.update(t, "2"))
	require.Equal(t, 503, f.get(t, "/readyz"))
}
