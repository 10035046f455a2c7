package store

import "github.com/prometheus/client_golang/prometheus"

// WriterMetrics are what every dialect measures where it commits batches.
type WriterMetrics struct {
	Wait   prometheus.Histogram // of a unit in the queue, in seconds
	Batch  prometheus.Histogram // how many units a batch has
	Commit prometheus.Histogram // in seconds
	length prometheus.GaugeFunc
}

// NewWriterMetrics returns the metrics of a queue. Length is called when they are read.
func NewWriterMetrics(length func() int) *WriterMetrics {
	seconds := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	return &WriterMetrics{
		Wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "userapi_writer_wait_seconds", Help: "How long changes waited until a batch took them.", Buckets: seconds,
		}),
		Batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "userapi_writer_batch_size", Help: "How many changes were committed together.", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		Commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "userapi_writer_commit_seconds", Buckets: seconds,
			Help: "How long commits took: SQLite's wait for the disk, or PostgreSQL's round trip that writes and commits.",
		}),
		length: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "userapi_writer_queue_length", Help: "Changes that wait for a batch.",
		}, func() float64 { return float64(length()) }),
	}
}

// Collectors returns all of them, for a registry.
func (m *WriterMetrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.length, m.Wait, m.Batch, m.Commit}
}
