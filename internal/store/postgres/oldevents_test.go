package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// addOldEvents adds events that are older than an hour after 1970.
func addOldEvents(t *testing.T, c *pgx.Conn, number int) {
	t.Helper()
	_, err := c.Exec(t.Context(), `INSERT INTO events (at, token_name, target_id, enterprise_id, operation, fields, request_id)
		SELECT n, '', n % 1000, 'default', 'updateUser', '', '' FROM generate_series(1, $1::int) n`, number)
	require.NoError(t, err)
}

// A step looks at a few events at the beginning of the index, however many there are, and whether PostgreSQL knows how
// many there are.
func TestRemovalReadsNoWholeTable(t *testing.T) {
	c := connect(t, storetest.NewPostgres(t))
	addOldEvents(t, c, 50_000)
	for _, before := range []string{`SET plan_cache_mode = force_generic_plan`, `ANALYZE events`} {
		_, err := c.Exec(t.Context(), before)
		require.NoError(t, err)
		_, err = c.Exec(t.Context(), `PREPARE step AS `+postgres.RemoveEvents)
		require.NoError(t, err)
		rows, err := c.Query(t.Context(), `EXPLAIN EXECUTE step (0, 1000000)`)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		plan := strings.Join(lines, "\n")
		t.Log("\n" + plan)
		require.Contains(t, plan, "Index Scan using events_pkey on events")
		for _, slow := range []string{"Seq Scan", "Sort"} {
			require.NotContains(t, plan, slow)
		}
		_, err = c.Exec(t.Context(), `DEALLOCATE step`)
		require.NoError(t, err)
	}
}

// One node at a time removes events. The others find nothing to do, and do not wait.
func TestOneNodeRemovesEvents(t *testing.T) {
	address := storetest.NewPostgres(t)
	addOldEvents(t, connect(t, address), 1000)
	s, err := open(t.Context(), address)
	require.NoError(t, err)
	other := openNode(t, address)
	other.exec(`SELECT pg_advisory_xact_lock(5, 0)`)
	removed, err := s.RemoveEvents(t.Context(), time.Unix(3600, 0))
	require.NoError(t, err)
	require.Zero(t, removed)
	other.exec(`COMMIT`)
	for _, want := range []int{250, 250, 250, 249, 0} {
		removed, err = s.RemoveEvents(t.Context(), time.Unix(3600, 0))
		require.NoError(t, err)
		require.Equal(t, want, removed)
	}
	// What a failover brings back goes, too.
	_, err = connect(t, address).Exec(t.Context(), `INSERT INTO events (id, at, token_name, target_id, enterprise_id, operation, fields, request_id)
		VALUES (7, 7, '', 1, 'default', 'updateUser', '', '')`)
	require.NoError(t, err)
	removed, err = s.RemoveEvents(t.Context(), time.Unix(3600, 0))
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.NoError(t, s.Close())
}
