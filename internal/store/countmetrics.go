package store

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// countPeriod is the least time from one count of the rows to the next.
	countPeriod = time.Minute
	// countShare times the time that a count took is the least time to the next one. So a server spends at most
	// a hundredth of its time on it.
	countShare = 100
	// countTimeout is how long a count may take. Prometheus waits for ten seconds, unless it is told otherwise.
	countTimeout = 5 * time.Second
)

// Counter counts rows.
type Counter interface {
	Counts(ctx context.Context) (users, tokens int64, err error)
}

var (
	usersCount  = prometheus.NewDesc("userapi_users", "Users in the database, counted at most once a minute.", nil, nil)
	tokensCount = prometheus.NewDesc("userapi_tokens", "Tokens in the database, with those that have expired, counted at most once a minute.", nil, nil)
)

// countMetrics is a [prometheus.Collector] of how many rows there are. It keeps a count for a while, because the
// database may have to look at every row.
type countMetrics struct {
	counter Counter
	now     func() time.Time

	mutex         sync.Mutex
	users, tokens int64
	known         bool
	next          time.Time // of the next count
}

// NewCountMetrics returns the metrics of the users and the tokens. If they cannot be counted, there are none.
func NewCountMetrics(c Counter) prometheus.Collector { return newCountMetrics(c, time.Now) }

func newCountMetrics(c Counter, now func() time.Time) *countMetrics {
	return &countMetrics{counter: c, now: now}
}

// Describe implements [prometheus.Collector].
func (*countMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- usersCount
	descriptions <- tokensCount
}

// Collect implements [prometheus.Collector].
func (m *countMetrics) Collect(metrics chan<- prometheus.Metric) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if begun := m.now(); !begun.Before(m.next) {
		ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
		defer cancel()
		users, tokens, err := m.counter.Counts(ctx)
		m.users, m.tokens, m.known = users, tokens, err == nil
		ended := m.now()
		m.next = ended.Add(max(countPeriod, countShare*ended.Sub(begun)))
	}
	if m.known {
		metrics <- prometheus.MustNewConstMetric(usersCount, prometheus.GaugeValue, float64(m.users))
		metrics <- prometheus.MustNewConstMetric(tokensCount, prometheus.GaugeValue, float64(m.tokens))
	}
}
