package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/store/sqlite"
	"userapi/internal/telemetry"
)

// storeMetrics are the metrics of the database, and how each is taken from its numbers.
var storeMetrics = []struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(sqlite.Stats) float64
}{
	{
		prometheus.NewDesc("userapi_wal_bytes", "Size of the database's log, the file that ends in -wal, in bytes.", nil, nil),
		prometheus.GaugeValue, func(s sqlite.Stats) float64 { return float64(s.LogBytes) },
	},
	{
		prometheus.NewDesc("userapi_wal_unmoved_frames", "Pages in the log that are not yet in the database file.", nil, nil),
		prometheus.GaugeValue, func(s sqlite.Stats) float64 { return float64(s.UnmovedFrames) },
	},
	{
		prometheus.NewDesc("userapi_checkpoints_total", "How often the log was moved into the database file.", nil, nil),
		prometheus.CounterValue, func(s sqlite.Stats) float64 { return float64(s.Checkpoints) },
	},
	{
		prometheus.NewDesc("userapi_checkpoint_failures_total", "How often the disk refused to move the log into the database file.", nil, nil),
		prometheus.CounterValue, func(s sqlite.Stats) float64 { return float64(s.CheckpointFailures) },
	},
	{
		prometheus.NewDesc("userapi_write_failures_total", "How often the disk refused to write a group of changes.", nil, nil),
		prometheus.CounterValue, func(s sqlite.Stats) float64 { return float64(s.WriteFailures) },
	},
	{
		prometheus.NewDesc("userapi_database_ready", "1 if the database can be read and written, otherwise 0.", nil, nil),
		prometheus.GaugeValue, func(s sqlite.Stats) float64 {
			if s.Ready {
				return 1
			}
			return 0
		},
	},
}

// storeCollector is a [prometheus.Collector] of the metrics of a database.
type storeCollector struct{ db *sqlite.Store }

// newMetrics returns a registry with the metrics of the process, those of a database, and others.
// PostgreSQL has metrics of its own.
func newMetrics(db database, others ...prometheus.Collector) *prometheus.Registry {
	metrics := telemetry.NewRegistry()
	metrics.MustRegister(others...)
	if file, ok := db.(*sqlite.Store); ok {
		metrics.MustRegister(storeCollector{file})
	}
	return metrics
}

// Describe implements [prometheus.Collector].
func (storeCollector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, m := range storeMetrics {
		descriptions <- m.description
	}
}

// Collect implements [prometheus.Collector].
func (c storeCollector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.db.Stats()
	for _, m := range storeMetrics {
		metrics <- prometheus.MustNewConstMetric(m.description, m.kind, m.value(stats))
	}
}
