package store

import "github.com/prometheus/client_golang/prometheus"

// Reading is a metric that is taken from a state S when the metrics are read.
type Reading[S any] struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(S) float64
}

// Gauge returns a metric that may go up and down.
func Gauge[S any](description *prometheus.Desc, value func(S) float64) Reading[S] {
	return Reading[S]{description, prometheus.GaugeValue, value}
}

// Total returns a metric that only goes up.
func Total[S any](description *prometheus.Desc, value func(S) float64) Reading[S] {
	return Reading[S]{description, prometheus.CounterValue, value}
}

// readings is a [prometheus.Collector] that takes the state once for all its metrics.
type readings[S any] struct {
	state func() S
	each  []Reading[S]
}

// NewReadings returns the metrics of a state. State is called when they are read.
func NewReadings[S any](state func() S, each []Reading[S]) prometheus.Collector {
	return readings[S]{state, each}
}

// Describe implements [prometheus.Collector].
func (r readings[S]) Describe(descriptions chan<- *prometheus.Desc) {
	for _, m := range r.each {
		descriptions <- m.description
	}
}

// Collect implements [prometheus.Collector].
func (r readings[S]) Collect(metrics chan<- prometheus.Metric) {
	state := r.state()
	for _, m := range r.each {
		metrics <- prometheus.MustNewConstMetric(m.description, m.kind, m.value(state))
	}
}

// BoolValue is the value of a metric that says yes, 1, or no, 0.
func BoolValue(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
