package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/store"
)

// Why something is tried again.
const (
	retryConnect  = "connect"    // no connection could be made
	retryLost     = "connection" // the connection broke
	retryTimeout  = "timeout"
	retryShutdown = "shutdown" // the server starts or stops
	retryReadOnly = "read_only"
	retryConflict = "conflict" // with another transaction
	retryOther    = "other"
)

// metrics are what is counted of the connections to the server.
type metrics struct {
	retries                 *prometheus.CounterVec
	failovers, replacements prometheus.Counter
}

// newMetrics returns metrics that have all their values from the start, so that an alert sees the first time that
// something happens.
func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userapi_postgres_retries_total", Help: "Tries of transactions and reads that failed and may succeed when they are repeated, by reason.",
		}, []string{"reason"}),
		failovers:    counter("userapi_postgres_failovers_total", "How often connections led to another host than before."),
		replacements: counter("userapi_postgres_pool_replacements_total", "How often all connections were replaced because the server hung."),
	}
	for _, reason := range []string{retryConnect, retryLost, retryTimeout, retryShutdown, retryReadOnly, retryConflict, retryOther} {
		m.retries.WithLabelValues(reason)
	}
	return m
}

// countRetry counts what is tried again after this error.
func (m *metrics) countRetry(err error) { m.retries.WithLabelValues(retryReason(err)).Inc() }

func retryReason(err error) string {
	if _, failed := errors.AsType[*pgconn.ConnectError](err); failed {
		return retryConnect
	}
	failure, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case !answered && errors.Is(err, context.DeadlineExceeded):
		return retryTimeout
	case !answered:
		return retryLost
	case endsSession(failure), failure.Code == cannotConnectNow:
		return retryShutdown
	case failure.Code == readOnlyTransaction:
		return retryReadOnly
	case failure.Code == serializationFailure, failure.Code == deadlockDetected:
		return retryConflict
	}
	return retryOther
}

// connectionState is what poolMetrics are taken from.
type connectionState struct {
	pool       *pgxpool.Stat
	unanswered int64
	held       bool // the session of presence is open
}

func (s *Store) connectionState() connectionState {
	return connectionState{pool: s.current.Load().pool.Stat(), unanswered: s.unanswered.Load(), held: s.presence.held.Load()}
}

// poolMetrics are the metrics of the pool of connections and of the session that each server keeps, and how each is taken.
var poolMetrics = []store.Reading[connectionState]{
	store.Gauge(connectionsIn("used"), func(s connectionState) float64 { return float64(s.pool.AcquiredConns()) }),
	store.Gauge(connectionsIn("idle"), func(s connectionState) float64 { return float64(s.pool.IdleConns()) }),
	store.Gauge(connectionsIn("opening"), func(s connectionState) float64 { return float64(s.pool.ConstructingConns()) }),
	store.Gauge(prometheus.NewDesc("userapi_postgres_connections_max", "How many connections the pool may have.", nil, nil),
		func(connectionState) float64 { return maxConnections }),
	store.Total(prometheus.NewDesc("userapi_postgres_connection_waits_total", "How often something waited for a connection, since the connections were replaced.", nil, nil),
		func(s connectionState) float64 { return float64(s.pool.EmptyAcquireCount()) }),
	store.Total(prometheus.NewDesc("userapi_postgres_connection_wait_seconds_total", "How long it waited altogether, since the connections were replaced.", nil, nil),
		func(s connectionState) float64 { return s.pool.EmptyAcquireWaitTime().Seconds() }),
	store.Total(prometheus.NewDesc("userapi_postgres_unanswered_commits_total", "Commits whose outcome was not known at first, because they had no answer.", nil, nil),
		func(s connectionState) float64 { return float64(s.unanswered) }),
	store.Gauge(prometheus.NewDesc("userapi_database_ready", "1 if the session is open that each server keeps with the database, otherwise 0.", nil, nil),
		func(s connectionState) float64 { return store.BoolValue(s.held) }),
}

func connectionsIn(state string) *prometheus.Desc {
	return prometheus.NewDesc("userapi_postgres_connections", "Connections of the pool by state.", nil, prometheus.Labels{"state": state})
}

// Metrics returns the metrics of a store, for a registry.
func (s *Store) Metrics() []prometheus.Collector {
	return append(s.lane.metrics.Collectors(), s.metrics.retries, s.metrics.failovers, s.metrics.replacements, store.NewReadings(s.connectionState, poolMetrics), store.NewCountMetrics(s))
}

// Counts implements [store.Counter].
func (s *Store) Counts(ctx context.Context) (users, tokens int64, err error) {
	err = s.current.Load().pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tokens)`).Scan(&users, &tokens)
	return users, tokens, err
}
