package postgres_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// The metrics say how many units wait, how many a batch has, how long a commit takes, and what the pool does.
func TestLaneAndPoolAreMeasured(t *testing.T) {
	address := storetest.NewPostgres(t)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	read := func() map[string]float64 { return storetest.Gather(t, s.Metrics()) }
	w := &writer{store: s, number: 1, totals: &totals{}}
	for range 3 {
		w.write(t)
	}
	found := read()
	require.Zero(t, found["userapi_writer_queue_length"])
	require.EqualValues(t, 3, found["userapi_writer_wait_seconds_count"])
	require.EqualValues(t, 3, found["userapi_writer_batch_size_sum"])
	require.EqualValues(t, 3, found["userapi_writer_commit_seconds_count"])
	require.Positive(t, found["userapi_writer_commit_seconds_sum"])
	require.EqualValues(t, 1, found["userapi_users"])
	require.Contains(t, found, "userapi_tokens")
	require.EqualValues(t, 1, found["userapi_database_ready"])
	waitFor(t, func() bool { return read()[`userapi_postgres_connections{state="idle"}`] > 0 }) // the pool gets one back a moment later
	require.Positive(t, found["userapi_postgres_connections_max"])
	require.Zero(t, found["userapi_postgres_failovers_total"])
	for _, reason := range []string{"connect", "connection", "timeout", "shutdown", "read_only", "conflict", "other"} {
		require.Zero(t, found[`userapi_postgres_retries_total{reason="`+reason+`"}`])
	}

	// While a batch waits for a lock, further units wait for it, and those that give up wait no longer.
	exec := execOn(t, address)
	exec(`BEGIN`)
	exec(`LOCK TABLE users`)
	waiting, giveUp := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 20 {
		running.Go(func() {
			for waiting.Err() == nil {
				_, _ = s.Change(waiting, directory.Operator(), 1, func(f directory.Facts) (directory.Change, error) {
					return directory.Change{User: f.Target}, nil
				})
			}
		})
	}
	waitFor(t, func() bool { return read()["userapi_writer_queue_length"] > 1 })
	giveUp()
	exec(`ROLLBACK`)
	running.Wait()
	require.Zero(t, read()["userapi_writer_queue_length"])
	w.write(t)
	require.Len(t, w.acknowledged, 4)
}

// Connections that break are counted as retries, and the database is not ready until the session of the server is back.
func TestBrokenConnectionsAreMeasured(t *testing.T) {
	p, address := newProxy(t, storetest.NewPostgres(t))
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	read := func() map[string]float64 { return storetest.Gather(t, s.Metrics()) }
	w := &writer{store: s, number: 1, totals: &totals{}}
	w.write(t)
	retries := func() (sum float64) {
		for _, reason := range []string{"connection", "connect", "shutdown"} {
			sum += read()[`userapi_postgres_retries_total{reason="`+reason+`"}`]
		}
		return sum
	}
	require.Zero(t, retries())
	waitFor(t, func() bool { // the pool may notice by itself that its connections are broken
		p.cut()
		w.write(t)
		return retries() > 0
	})
	waitFor(t, func() bool { return read()["userapi_database_ready"] == 1 })
	p.cut()
	waitFor(t, func() bool { return read()["userapi_database_ready"] == 0 })
	waitFor(t, func() bool { return read()["userapi_database_ready"] == 1 })
}
