package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/directory"
	"userapi/internal/fair"
	"userapi/internal/telemetry"
)

// newMetrics returns a registry with the metrics of the process, those of a database and of the gates of a service that
// [newService] has returned, and others. Call it before the first request.
func newMetrics(db database, service *directory.Service, others ...prometheus.Collector) *prometheus.Registry {
	metrics := telemetry.NewRegistry()
	metrics.MustRegister(others...)
	metrics.MustRegister(db.Metrics()...)
	for name, gate := range map[string]directory.Gate{"userapi_hash": service.Hashing, "userapi_search": service.Searching} {
		metrics.MustRegister(gate.(*fair.Gate).Measure(name)...)
	}
	return metrics
}
