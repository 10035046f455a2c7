package sqlite

import (
	"context"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/store"
)

// fileMetrics are the metrics of the files, and how each is taken from their numbers.
var fileMetrics = []store.Reading[Stats]{
	store.Gauge(fileBytes("main"), func(s Stats) float64 { return float64(s.MainBytes) }),
	store.Gauge(fileBytes("wal"), func(s Stats) float64 { return float64(s.LogBytes) }),
	store.Gauge(prometheus.NewDesc("userapi_wal_unmoved_frames", "Pages in the log that are not yet in the database file.", nil, nil),
		func(s Stats) float64 { return float64(s.UnmovedFrames) }),
	store.Total(prometheus.NewDesc("userapi_checkpoints_total", "How often the log was moved into the database file.", nil, nil),
		func(s Stats) float64 { return float64(s.Checkpoints) }),
	store.Total(prometheus.NewDesc("userapi_checkpoint_failures_total", "How often the disk refused to move the log into the database file.", nil, nil),
		func(s Stats) float64 { return float64(s.CheckpointFailures) }),
	store.Total(prometheus.NewDesc("userapi_write_failures_total", "How often the disk refused to write a group of changes.", nil, nil),
		func(s Stats) float64 { return float64(s.WriteFailures) }),
	store.Gauge(prometheus.NewDesc("userapi_database_ready", "1 if the database can be read and written, otherwise 0.", nil, nil),
		func(s Stats) float64 { return store.BoolValue(s.Ready) }),
}

func fileBytes(file string) *prometheus.Desc {
	return prometheus.NewDesc("userapi_database_bytes", "Size of the database file, main, and of its log, wal, in bytes.", nil, prometheus.Labels{"file": file})
}

// newCacheMetrics returns the counters of questions that the cache of principals could answer, and could not.
func newCacheMetrics() (hits, misses prometheus.Counter) {
	counter := func(result string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Name: "userapi_token_lookups_total", ConstLabels: prometheus.Labels{"cache": result},
			Help: "Tokens that were looked up, and found in the cache, hit, or not, miss.",
		})
	}
	return counter("hit"), counter("miss")
}

// Metrics returns the metrics of a store that was opened for writing, for a registry.
func (s *Store) Metrics() []prometheus.Collector {
	return append(s.writer.metrics.Collectors(), s.hits, s.misses, store.NewReadings(s.Stats, fileMetrics), store.NewCountMetrics(s))
}

// mainBytes returns the size of the database file, or 0 if it is not there.
func (w *writer) mainBytes() int64 {
	file, err := os.Stat(w.files.path)
	if err != nil {
		return 0
	}
	return file.Size()
}

// Counts implements [store.Counter]. It counts the tokens at low priority.
func (s *Store) Counts(ctx context.Context) (users, tokens int64, err error) {
	defer s.finishRead(&err)
	db := s.readSession.withContext(ctx).gorm
	var row struct{ Users, Tokens int64 }
	err = runAtLowPriority(func() error {
		// The rows of user_counts without an enterprise are the sums of the others.
		return db.Raw(`SELECT (SELECT COALESCE(SUM(total), 0) FROM user_counts WHERE enterprise_id = '') AS users,
			(SELECT COUNT(*) FROM tokens) AS tokens`).Scan(&row).Error
	})
	return row.Users, row.Tokens, err
}
