package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/store/storetest"
)

// A server with --audit-keep removes the events that are too old, from the audit of the API and of the command line, and
// the others stay. Without it, all stay. The numbers of events go on. A backup, and a restore of one that was made before,
// work as ever.
func TestOldEventsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	requireOldEventsRemoved(t, dir, nil, func() {
		db := openDatabase(t, dir)
		_, err := db.ExecContext(t.Context(), `UPDATE events SET at = at - 49 * 3600 * 1000000 WHERE id <= 501`)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	for _, args := range [][]string{{"backup", "after"}, {"restore", "--replace", "before"}, {"backup", "again"}} {
		_, stderr, code := runCommand(t, dir, nil, args...)
		require.Zero(t, code, stderr)
	}
}

func TestOldEventsAreRemovedOnPostgres(t *testing.T) {
	address := storetest.NewEmptyPostgres(t)
	requireOldEventsRemoved(t, t.TempDir(), []string{"USERAPI_DATABASE=" + address}, func() {
		executePostgres(t, address, `UPDATE events SET at = at - 49 * 3600 * 1000000::bigint WHERE id <= 501`)
	})
}

// requireOldEventsRemoved fails unless the events that age makes 49 hours old are removed, but not before.
func requireOldEventsRemoved(t *testing.T, dir string, settings []string, age func()) {
	t.Helper()
	s := startServer(t, dir, settings)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users", adaBody)
	require.Equal(t, 201, status, answer)
	change := func(s *server) {
		t.Helper()
		status, answer := s.sendRequest(t, token, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`)
		require.Equal(t, 200, status, answer)
	}
	for range 500 { // after user 1, the token and ada
		change(s)
	}
	s.terminate(t)
	if settings == nil {
		_, stderr, code := runCommand(t, dir, settings, "backup", "before")
		require.Zero(t, code, stderr)
	}
	age()
	audit := func() []string {
		list, stderr, code := runCommand(t, dir, settings, "audit")
		require.Zero(t, code, stderr)
		return strings.Split(strings.TrimSpace(list), "\n")[1:]
	}
	s = startServer(t, dir, settings)
	s.terminate(t)
	require.Len(t, audit(), 503)

	s = startServer(t, dir, settings, "--audit-keep=48h")
	apitest.WaitFor(func() bool { return strings.Contains(s.log.String(), `msg="old events were removed" count=501`) })
	require.Len(t, audit(), 2)
	status, answer = s.sendRequest(t, token, "GET", "/openapi/v1/users/2/audit", "")
	require.Equal(t, 200, status)
	require.Contains(t, answer, `"total":2`)
	require.Contains(t, answer, `"event_id":502`)
	change(s)
	status, answer = s.sendRequest(t, token, "GET", "/openapi/v1/users/2/audit", "")
	require.Equal(t, 200, status)
	require.Contains(t, answer, `"event_id":504`)
	code, log := s.terminate(t)
	require.Zero(t, code)
	require.NotContains(t, log, "level=WARN")
}
