package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// writing is one client that gives a user of its own one phone number after another.
type writing struct {
	user         int
	sent, answer int // the last number that was sent, and the last one that was acknowledged
	unanswered   int // how many were not
}

// run sends until the server is gone.
func (w *writing) run(t *testing.T, s *server, token string, acknowledged chan<- struct{}) {
	for {
		w.sent++
		status, _, err := s.try(t, token, "PUT", fmt.Sprintf("/openapi/v1/users/%d", w.user), fmt.Sprintf(`{"phone":"%d"}`, w.sent))
		if err != nil {
			w.unanswered++
			return
		}
		if status != 200 {
			t.Errorf("status %d", status)
			return
		}
		w.answer = w.sent
		select {
		case acknowledged <- struct{}{}:
		default:
		}
	}
}

// What was acknowledged is there after kill -9: the number, the version and the audit
// row, together; of what was not, all or nothing.
func TestKilledServersLoseNothing(t *testing.T) {
	t.Parallel()
	const rounds, clients = 50, 8
	dir := t.TempDir()
	s := serve(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	var all []*writing
	for i := range clients {
		status, answer := s.send(t, token, "POST", "/openapi/v1/users", strings.Replace(newUser, "ada", fmt.Sprintf("user%d", i), 1))
		require.Equal(t, 201, status, answer)
		all = append(all, &writing{user: 2 + i})
	}
	s.stop(t)
	for range rounds {
		s := serve(t, dir, nil)
		acknowledged := make(chan struct{}, 5*clients)
		var running sync.WaitGroup
		for _, w := range all {
			running.Go(func() { w.run(t, s, token, acknowledged) })
		}
		for range 5 * clients {
			<-acknowledged
		}
		require.NoError(t, s.cmd.Process.Kill())
		<-s.done
		require.Error(t, s.cmd.Wait())
		running.Wait()
		requireKept(t, dir, all)
	}
}

// requireKept fails unless the database holds what was acknowledged, or what was sent
// behind it.
func requireKept(t *testing.T, dir string, all []*writing) {
	t.Helper()
	db := openDatabase(t, dir)
	defer func() { require.NoError(t, db.Close()) }()
	var result string
	require.NoError(t, db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&result))
	require.Equal(t, "ok", result)
	for _, w := range all {
		var phone, version, events int
		require.NoError(t, db.QueryRowContext(t.Context(), `
			SELECT CAST(phone AS INTEGER), version, (SELECT COUNT(*) FROM events WHERE target_id = users.id AND operation = 'updateUser')
			FROM users WHERE id = ?`, w.user).Scan(&phone, &version, &events))
		require.GreaterOrEqual(t, phone, w.answer, "what was acknowledged is lost")
		require.LessOrEqual(t, phone, w.sent)
		require.Equal(t, events, version-1, "a version without its audit row")
		require.GreaterOrEqual(t, events, w.sent-w.unanswered)
		require.LessOrEqual(t, events, w.sent)
	}
}

// No answer goes out before the log is on disk. Kill -9 cannot tell, as it leaves the
// system's buffers; so the calls of fsync are told, when they have ended, by a library
// between the server and the system.
func TestAnswersFollowFsync(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("LD_PRELOAD and /proc are Linux's")
	}
	dir := t.TempDir()
	library, log := filepath.Join(dir, "fsync.so"), filepath.Join(dir, "fsync.log")
	output, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", library, "testdata/fsync.c", "-ldl").CombinedOutput()
	require.NoError(t, err, string(output))
	require.NoError(t, os.WriteFile(log, nil, 0o600))
	s := serve(t, dir, []string{"LD_PRELOAD=" + library, "FSYNC_LOG=" + log})
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	synced := func() int {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Error(err)
		}
		return strings.Count(string(content), "userapi.db-wal\n")
	}
	status, answer := s.send(t, token, "POST", "/openapi/v1/users", newUser)
	require.Equal(t, 201, status, answer)
	before := synced()
	status, _ = s.send(t, token, "GET", "/openapi/v1/users/2", "")
	require.Equal(t, 200, status)
	require.Equal(t, before, synced(), "nothing was written")

	const clients, updates = 8, 50
	before = synced()
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			for i := range updates {
				before := synced()
				status, answer := s.send(t, token, "PUT", "/openapi/v1/users/2", fmt.Sprintf(`{"phone":"%d"}`, client*updates+i))
				if after := synced(); status != 200 || after <= before {
					t.Errorf("%d %s: %d calls of fsync before, %d after", status, answer, before, after)
				}
			}
		})
	}
	running.Wait()
	require.Less(t, synced()-before, clients*updates, "who waits shares a commit")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.done
}
