package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// audit prints all changes in order if there are more than one query reads, with and
// without --user.
func TestAuditPrintsManyChangesInOrder(t *testing.T) {
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code, stderr)
	db := openDatabase(t, dir)
	const changes = 4*eventsPerRead + 1
	_, err := db.ExecContext(t.Context(), `
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
		INSERT INTO events (id, at, token_name, target_id, enterprise_id, operation, fields, request_id)
		SELECT 3 * n, 0, '', 1 + n % 2, 'default', 'updateUser', '', 'request-' || n FROM numbers`, changes)
	require.NoError(t, err)
	for step, args := range map[int][]string{1: {"audit"}, 2: {"audit", "--user=1"}} {
		list, stderr, code := runCommand(t, dir, nil, args...)
		require.Equal(t, 0, code, stderr)
		lines := strings.Split(strings.TrimSpace(list), "\n")[1:]
		require.Len(t, lines, changes/step)
		for i, line := range lines {
			require.Contains(t, line, fmt.Sprint(" request-", step*(i+1), " "))
		}
	}
}
