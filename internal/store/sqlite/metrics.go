package sqlite

import (
	"context"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/store"
)

// fileMetrics are the metrics of the files, and how each is taken from their numbers.
var fileMetrics = []struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(Stats) float64
}{
	{fileBytes("main"), prometheus.GaugeValue, func(s Stats) float64 { return float64(s.MainBytes) }},
	{fileBytes("wal"), prometheus.GaugeValue, func(s Stats) float64 { return float64(s.LogBytes) }},
	{
		prometheus.NewDesc("userapi_wal_unmoved_frames", "Pages in the log that are not yet in the database file.", nil, nil),
		prometheus.GaugeValue, func(s Stats) float64 { return float64(s.UnmovedFrames) },
	},
	{
		prometheus.NewDesc("userapi_checkpoints_total", "How often the log was moved into the database file.", nil, nil),
		prometheus.CounterValue, func(s Stats) float64 { return float64(s.Checkpoints) },
	},
	{
		prometheus.NewDesc("userapi_checkpoint_failures_total", "How often the disk refused to move the log into the database file.", nil, nil),
		prometheus.CounterValue, func(s Stats) float64 { return float64(s.CheckpointFailures) },
	},
	{
		prometheus.NewDesc("userapi_write_failures_total", "How often the disk refused to write a group of changes.", nil, nil),
		prometheus.CounterValue, func(s Stats) float64 { return float64(s.WriteFailures) },
	},
	{
		prometheus.NewDesc("userapi_database_ready", "1 if the database can be read and written, otherwise 0.", nil, nil),
		prometheus.GaugeValue, func(s Stats) float64 {
			if s.Ready {
				return 1
			}
			return 0
		},
	},
}

func fileBytes(file string) *prometheus.Desc {
	return prometheus.NewDesc("userapi_database_bytes", "Size of the database file, main, and of its log, wal, in bytes.", nil, prometheus.Labels{"file": file})
}

// fileCollector is a [prometheus.Collector] of fileMetrics.
type fileCollector struct{ store *Store }

// Describe implements [prometheus.Collector].
func (fileCollector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, m := range fileMetrics {
		descriptions <- m.description
	}
}

// Collect implements [prometheus.Collector].
func (c fileCollector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.store.Stats()
	for _, m := range fileMetrics {
		metrics <- prometheus.MustNewConstMetric(m.description, m.kind, m.value(stats))
	}
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
	return append(s.writer.metrics.Collectors(), s.hits, s.misses, fileCollector{s}, store.NewCountMetrics(s))
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
