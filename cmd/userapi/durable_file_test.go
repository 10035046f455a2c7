package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// pollInterval is how often a test looks for what it waits for.
const pollInterval = 20 * time.Millisecond

// files is a database in dir, and a server on it.
type files struct {
	*server
	dir, token string
}

// path returns the path of a file next to the database, or of the database itself if the suffix is "".
func (f files) path(suffix string) string { return filepath.Join(f.dir, "userapi.db"+suffix) }

// startOnFiles starts a server in a directory below a new one.
func startOnFiles(t *testing.T, settings ...string) files {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(dir, 0o700))
	s := startServer(t, dir, settings)
	return files{s, dir, readToken(t, filepath.Join(dir, "userapi.token"))}
}

// update changes the phone number of user 1 and returns the status.
func (f files) update(t *testing.T, phone string) int {
	t.Helper()
	status, _ := f.sendRequest(t, f.token, "PUT", "/openapi/v1/users/1", fmt.Sprintf(`{"phone":%q}`, phone))
	return status
}

func (f files) get(t *testing.T, path string) int {
	t.Helper()
	status, _ := f.sendRequest(t, f.token, "GET", path, "")
	return status
}

// waitFor waits until the server answers a GET with this status.
func (f files) waitFor(t *testing.T, path string, status int) {
	t.Helper()
	require.Eventually(t, func() bool { return f.get(t, path) == status }, time.Minute, pollInterval)
}

// kill ends the server as kill -9 does.
func (s *server) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Kill())
	<-s.logEnded
	require.Error(t, s.cmd.Wait())
}

// copyFile copies the content into a new file, or over one that is there.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}

// contents returns the contents of all files below the directory, except SQLite's index of the
// log, which holds nothing of its own.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "-shm") {
			return err
		}
		content, err := os.ReadFile(path)
		found[path] = string(content)
		return err
	}))
	return found
}

// phone returns the phone number of user 1 in the database in dir.
func phone(t *testing.T, dir string) (number string) {
	t.Helper()
	db := openDatabase(t, dir)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT phone FROM users WHERE id = 1`).Scan(&number))
	return number
}

// If somebody moves, removes, replaces or cuts a file under a running server, the server acknowledges
// nothing any more, says why, and exits with 1.
func TestLostFilesAreRefused(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, f files){
		"rm":                  func(t *testing.T, f files) { require.NoError(t, os.Remove(f.path(""))) },
		"rm of all":           func(t *testing.T, f files) { removeAll(t, f.path(""), f.path("-wal"), f.path("-shm")) },
		"mv":                  func(t *testing.T, f files) { require.NoError(t, os.Rename(f.path(""), f.path(".old"))) },
		"mv of the directory": func(t *testing.T, f files) { require.NoError(t, os.Rename(f.dir, f.dir+".old")) },
		"rm -r":               func(t *testing.T, f files) { require.NoError(t, os.RemoveAll(f.dir)) },
		"truncated":           func(t *testing.T, f files) { require.NoError(t, os.Truncate(f.path(""), 0)) },
		"cut in the middle":   func(t *testing.T, f files) { require.NoError(t, os.Truncate(f.path(""), 3*4096)) },
		"cut a little":        func(t *testing.T, f files) { cut(t, f.path("")) },
		"log removed":         func(t *testing.T, f files) { require.NoError(t, os.Remove(f.path("-wal"))) },
		"log truncated":       func(t *testing.T, f files) { require.NoError(t, os.Truncate(f.path("-wal"), 0)) },
		"log cut":             func(t *testing.T, f files) { require.NoError(t, os.Truncate(f.path("-wal"), 2000)) },
		"log replaced":        func(t *testing.T, f files) { replace(t, f.path("-wal"), f.path("-wal")) },
		"index removed":       func(t *testing.T, f files) { require.NoError(t, os.Remove(f.path("-shm"))) },
		"replaced":            func(t *testing.T, f files) { replace(t, f.path(""), f.path("")) },
		"replaced by older":   func(t *testing.T, f files) { replace(t, f.path(".copy"), f.path("")) },
		"older copied over":   func(t *testing.T, f files) { copyFile(t, f.path(".copy"), f.path("")) },
		"other copied over":   func(t *testing.T, f files) { copyFile(t, otherDatabase(t), f.path("")) },
		"text copied over": func(t *testing.T, f files) {
			require.NoError(t, os.WriteFile(f.path(""), []byte(strings.Repeat("text", 1<<18)), 0o600))
		},
		"replaced by a folder": func(t *testing.T, f files) {
			require.NoError(t, os.Remove(f.path("")))
			require.NoError(t, os.Mkdir(f.path(""), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startOnFiles(t)
			require.Equal(t, 200, f.update(t, "0"))
			copyFile(t, f.path(""), f.path(".copy"))
			for i := range 2 { // each is moved into the file, and the log begins anew
				require.Equal(t, 200, f.update(t, fmt.Sprint(i)))
				f.waitUntilMoved(t)
			}
			require.Equal(t, 200, f.update(t, "last"))
			lose(t, f)
			require.NotEqual(t, 200, f.update(t, "lost"))
			f.waitFor(t, "/readyz", 503) // the server takes up to a second to be sure that the content is wrong
			status, answer := f.sendRequest(t, f.token, "GET", "/readyz", "")
			require.Equal(t, 503, status)
			require.Contains(t, answer, "The files of the database were moved, removed or changed")
			require.Equal(t, 503, f.update(t, "lost"))
			require.Equal(t, 503, f.get(t, "/openapi/v1/users/1"))
			code, log := f.terminate(t)
			require.Equal(t, exitFailed, code, log)
			require.Equal(t, 1, strings.Count(log, "changes and reads are refused"), log)
			require.Contains(t, log, f.path(""))
		})
	}
}

func removeAll(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		require.NoError(t, os.Remove(path))
	}
}

// cut takes the last 4096 bytes away.
func cut(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()-4096))
}

// replace puts a copy of a file in the place of another one, as rename(2) does.
func replace(t *testing.T, from, to string) {
	t.Helper()
	copyFile(t, from, to+".new")
	require.NoError(t, os.Rename(to+".new", to))
}

// otherDatabase returns the path of the database of another server, which has ended.
func otherDatabase(t *testing.T) string {
	t.Helper()
	other := startOnFiles(t)
	for i := range 3 {
		require.Equal(t, 200, other.update(t, fmt.Sprint(i)))
	}
	other.terminate(t)
	return other.path("")
}

// waitUntilMoved waits until everything in the log is in the file.
func (f files) waitUntilMoved(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return f.metric(t, "userapi_wal_unmoved_frames") == "0" }, time.Minute, pollInterval)
}

// metric returns the value of a metric as it is printed.
func (s *server) metric(t *testing.T, name string) string {
	t.Helper()
	ops := opsAddress.FindStringSubmatch(s.log.String())
	require.NotNil(t, ops)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ops[1]+"/metrics", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	return findMetric(t, response.Body, name)
}

// A file, or its directory, that comes back under its name is used again without a restart, and nothing
// that was acknowledged is missing.
func TestFileThatComesBackIsUsedAgain(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(f files) (from, to string){
		"file":      func(f files) (string, string) { return f.path(""), f.path(".old") },
		"log":       func(f files) (string, string) { return f.path("-wal"), f.path("-wal.old") },
		"directory": func(f files) (string, string) { return f.dir, f.dir + ".old" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startOnFiles(t)
			require.Equal(t, 200, f.update(t, "1"))
			from, to := away(f)
			require.NoError(t, os.Rename(from, to))
			require.Equal(t, 503, f.update(t, "2"))
			require.Equal(t, 503, f.get(t, "/openapi/v1/users/1"))
			require.NoError(t, os.Rename(to, from))
			f.waitFor(t, "/readyz", 200)
			require.Equal(t, 200, f.update(t, "3"))
			code, log := f.terminate(t)
			require.Equal(t, 0, code)
			require.Contains(t, log, "the database file is back")
			require.Equal(t, "3", phone(t, f.dir))
		})
	}
}

// Another file under the name is never used, not even if it goes away again: another process may have
// used the log meanwhile.
func TestReplacedFileNeedsARestart(t *testing.T) {
	t.Parallel()
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	require.NoError(t, os.Rename(f.path(""), f.path(".old")))
	require.NoError(t, os.WriteFile(f.path(""), nil, 0o600))
	require.Equal(t, 503, f.update(t, "2"))
	require.NoError(t, os.Rename(f.path(".old"), f.path("")))
	require.Equal(t, 503, f.update(t, "3"))
	require.Equal(t, 503, f.get(t, "/readyz"))
	code, log := f.terminate(t)
	require.Equal(t, exitFailed, code)
	require.Contains(t, log, "start it again")
	require.Equal(t, 200, files{startServer(t, f.dir, nil), f.dir, f.token}.update(t, "4"))
}

// A server that has lost its files does not touch those of the next one.
func TestLostServerLeavesItsSuccessorAlone(t *testing.T) {
	t.Parallel()
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	removeAll(t, f.path(""), f.path("-wal"), f.path("-shm"), filepath.Join(f.dir, "userapi.token"))
	next := files{startServer(t, f.dir, nil), f.dir, ""}
	next.token = readToken(t, filepath.Join(f.dir, "userapi.token"))
	require.Equal(t, 200, next.update(t, "2"))
	f.terminate(t)
	require.Equal(t, 200, next.update(t, "3"))
	next.kill(t)
	require.Equal(t, "3", phone(t, f.dir))
}

// touch(1), chmod(1), a hard link for a backup and a second server are no faults.
func TestHarmlessChangesAreAccepted(t *testing.T) {
	t.Parallel()
	f := startOnFiles(t)
	require.Equal(t, 200, f.update(t, "1"))
	now := time.Now()
	require.NoError(t, os.Chtimes(f.path(""), now, now))
	require.Equal(t, 200, f.update(t, "2"))
	require.NoError(t, os.Chmod(f.path(""), 0o640))
	require.NoError(t, os.Link(f.path(""), f.path(".link")))
	require.Equal(t, 200, f.update(t, "3"))
	second := files{startServerWithoutLink(t, f), f.dir, f.token}
	require.Equal(t, 200, second.update(t, "4"))
	second.waitUntilMoved(t)
	require.Equal(t, 200, f.update(t, "5"))
	execute(t, f.dir, `VACUUM`)
	require.Equal(t, 200, f.update(t, "6"))
	f.waitUntilMoved(t)
	require.Equal(t, 200, second.update(t, "7"))
	for _, s := range []files{f, second} {
		code, log := s.terminate(t)
		require.Equal(t, 0, code, log)
		require.NotContains(t, log, "level=ERROR")
	}
	require.Equal(t, "7", phone(t, f.dir))
}

// startServerWithoutLink starts another server on the files after the hard link is gone.
func startServerWithoutLink(t *testing.T, f files) *server {
	t.Helper()
	_, stderr, code := runCommand(t, f.dir, nil, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "hard link")
	require.NoError(t, os.Remove(f.path(".link")))
	return startServer(t, f.dir, nil)
}

func execute(t *testing.T, dir, statements string) {
	t.Helper()
	db := openDatabase(t, dir)
	_, err := db.ExecContext(t.Context(), statements)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// A copy of the file alone, made in a quiet moment, has everything.
func TestFileAloneIsWholeInQuietMoments(t *testing.T) {
	t.Parallel()
	f := startOnFiles(t)
	alone := t.TempDir()
	copyFile(t, f.path(""), filepath.Join(alone, "userapi.db"))
	require.Empty(t, phone(t, alone), "user 1 is there right after the first start")
	f.createUsers(t, f.token, 30)
	f.waitUntilMoved(t)
	alone = t.TempDir()
	copyFile(t, f.path(""), filepath.Join(alone, "userapi.db"))
	copied := files{startServer(t, alone, nil), alone, f.token}
	require.NotContains(t, copied.log.String(), "first start")
	require.Equal(t, 200, copied.get(t, "/openapi/v1/users/31"))
}

// A reader that stays lets the log grow. When it is gone, the log is cut, even if nobody writes.
func TestLongLogIsCut(t *testing.T) {
	t.Parallel()
	f := startOnFiles(t)
	release := holdReader(t, f.dir)
	execute(t, f.dir, `PRAGMA busy_timeout = 10000; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (b BLOB);
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) INSERT INTO t SELECT zeroblob(1000000) FROM n`)
	require.Equal(t, 200, f.update(t, "1"))
	size := func() int64 {
		info, err := os.Stat(f.path("-wal"))
		require.NoError(t, err)
		return info.Size()
	}
	require.Greater(t, size(), int64(25<<20))
	release()
	require.Eventually(t, func() bool { return size() <= 20<<20 }, time.Minute, pollInterval)
	require.Equal(t, 200, f.update(t, "2"))
}

// When all file descriptors are taken, lists and searches still find the database.
func TestDatabaseIsOpenedAtTheStart(t *testing.T) {
	t.Parallel()
	f := startOnFiles(t)
	var clients []files // each has a connection of its own
	for range 16 {
		own := *f.server
		own.client = apitest.NewClient(t, &http.Transport{})
		clients = append(clients, files{&own, f.dir, f.token})
		require.Equal(t, 200, clients[len(clients)-1].get(t, "/healthz"))
	}
	takeFileDescriptors(t, f.cmd.Process.Pid)
	var running sync.WaitGroup
	for _, client := range clients {
		running.Go(func() {
			for range 20 {
				for _, path := range []string{"/openapi/v1/users", "/openapi/v1/users?query=a", "/openapi/v1/users/1"} {
					if status := client.get(t, path); status != 200 {
						t.Errorf("%s: status %d", path, status)
					}
				}
			}
		})
	}
	running.Wait()
}

// If a file is lost while many write, each of them soon gets an error, and none an answer that is wrong: SQLite
// would go on behind the hole.
func TestFilesLostUnderLoad(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(f files) error{
		"log truncated":  func(f files) error { return os.Truncate(f.path("-wal"), 0) },
		"log cut":        func(f files) error { return os.Truncate(f.path("-wal"), 5000) },
		"file truncated": func(f files) error { return os.Truncate(f.path(""), 0) },
		"file removed":   func(f files) error { return os.Remove(f.path("")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startOnFiles(t)
			const clients, tooLate = 8, 5000
			acknowledged := make(chan struct{}, 100*clients)
			var running sync.WaitGroup
			var lost atomic.Bool
			for client := range clients {
				running.Go(func() {
					for late := 0; late < tooLate; {
						if lost.Load() {
							late++
						}
						status, _, err := f.attemptRequest(t, f.token, "PUT", "/openapi/v1/users/1", fmt.Sprintf(`{"phone":"%d"}`, client))
						if err != nil || status != 200 {
							return
						}
						select {
						case acknowledged <- struct{}{}:
						default:
						}
					}
					t.Error("the server goes on")
				})
			}
			for range cap(acknowledged) {
				<-acknowledged
			}
			require.NoError(t, lose(f))
			lost.Store(true)
			running.Wait()
			require.Equal(t, 503, f.get(t, "/readyz"))
		})
	}
}
