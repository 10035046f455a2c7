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

// phoneWriter is a client that changes the phone number of its own user again and again.
type phoneWriter struct {
	user               int
	sent, acknowledged int // the last phone number that was sent, and the last one that was acknowledged
	unanswered         int // how many requests got no answer
}

// writeUntilGone sends requests until the server is gone.
func (w *phoneWriter) writeUntilGone(t *testing.T, s *server, token string, acknowledged chan<- struct{}) {
	for {
		w.sent++
		status, _, err := s.attemptRequest(t, token, "PUT", fmt.Sprintf("/openapi/v1/users/%d", w.user), fmt.Sprintf(`{"phone":"%d"}`, w.sent))
		if err != nil {
			w.unanswered++
			return
		}
		if status != 200 {
			t.Errorf("status %d", status)
			return
		}
		w.acknowledged = w.sent
		select {
		case acknowledged <- struct{}{}:
		default:
		}
	}
}

// After kill -9, every acknowledged change is in the database: the phone number, the
// version and the audit row. An unacknowledged change is there completely or not at all.
func TestKilledServersLoseNothing(t *testing.T) {
	t.Parallel()
	const rounds, clients = 50, 8
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	var writers []*phoneWriter
	s.createUsers(t, token, clients)
	for i := range clients {
		writers = append(writers, &phoneWriter{user: 2 + i})
	}
	s.terminate(t)
	for range rounds {
		s := startServer(t, dir, nil)
		acknowledged := make(chan struct{}, 5*clients)
		var running sync.WaitGroup
		for _, w := range writers {
			running.Go(func() { w.writeUntilGone(t, s, token, acknowledged) })
		}
		for range 5 * clients {
			<-acknowledged
		}
		require.NoError(t, s.cmd.Process.Kill())
		<-s.logEnded
		require.Error(t, s.cmd.Wait())
		running.Wait()
		requireNothingLost(t, dir, writers)
	}
	changes, unanswered := 0, 0
	for _, w := range writers {
		changes, unanswered = changes+w.sent-w.unanswered, unanswered+w.unanswered
	}
	t.Logf("%d kills, %d changes acknowledged, none lost, %d without an answer", rounds, changes, unanswered)
}

// requireNothingLost fails unless the database holds the acknowledged changes. It may also
// hold the change that each writer sent last.
func requireNothingLost(t *testing.T, dir string, writers []*phoneWriter) {
	t.Helper()
	db := openDatabase(t, dir)
	defer func() { require.NoError(t, db.Close()) }()
	var result string
	require.NoError(t, db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&result))
	require.Equal(t, "ok", result)
	for _, w := range writers {
		var phone, version, events int
		require.NoError(t, db.QueryRowContext(t.Context(), `
			SELECT CAST(phone AS INTEGER), version, (SELECT COUNT(*) FROM events WHERE target_id = users.id AND operation = 'updateUser')
			FROM users WHERE id = ?`, w.user).Scan(&phone, &version, &events))
		require.GreaterOrEqual(t, phone, w.acknowledged, "an acknowledged change is lost")
		require.LessOrEqual(t, phone, w.sent)
		require.Equal(t, events, version-1, "each version has its audit row")
		require.GreaterOrEqual(t, events, w.sent-w.unanswered)
		require.LessOrEqual(t, events, w.sent)
	}
}

// The server answers only after the WAL is on disk. kill -9 cannot show this, because the
// kernel still writes its buffers. So a preloaded library records each fsync that has ended.
func TestAnswersFollowFsync(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("this needs LD_PRELOAD and /proc of Linux")
	}
	dir := t.TempDir()
	library, log := filepath.Join(dir, "fsync.so"), filepath.Join(dir, "fsync.log")
	output, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", library, "testdata/fsync.c", "-ldl").CombinedOutput()
	require.NoError(t, err, string(output))
	require.NoError(t, os.WriteFile(log, nil, 0o600))
	s := startServer(t, dir, []string{"LD_PRELOAD=" + library, "FSYNC_LOG=" + log})
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	countSyncs := func() int {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Error(err)
		}
		return strings.Count(string(content), "userapi.db-wal\n")
	}
	status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users", adaBody)
	require.Equal(t, 201, status, answer)
	before := countSyncs()
	status, _ = s.sendRequest(t, token, "GET", "/openapi/v1/users/2", "")
	require.Equal(t, 200, status)
	require.Equal(t, before, countSyncs(), "a GET writes nothing")

	const clients, updates = 8, 50
	before = countSyncs()
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			for i := range updates {
				before := countSyncs()
				status, answer := s.sendRequest(t, token, "PUT", "/openapi/v1/users/2", fmt.Sprintf(`{"phone":"%d"}`, client*updates+i))
				if after := countSyncs(); status != 200 || after <= before {
					t.Errorf("%d %s: %d calls of fsync before, %d after", status, answer, before, after)
				}
			}
		})
	}
	running.Wait()
	require.Less(t, countSyncs()-before, clients*updates, "requests that wait at the same time must share a commit")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.logEnded
}
