package httpapi

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"userapi/gen/api"
	"userapi/internal/contract"
	"userapi/internal/directory"
)

// durationBuckets are the upper bounds of the histogram of durations, in seconds.
var durationBuckets = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// What refuses a request although no queue of the directory is full and no limit is reached.
const (
	refusalTimeout  directory.Refusal = "timeout" // it has waited for [Server.RequestTimeout]
	refusalStopping directory.Refusal = "stopping"
	refusalDatabase directory.Refusal = "database"
)

// refusals are the values of the label reason.
var refusals = []directory.Refusal{
	directory.RefusalWriterQueue, directory.RefusalHashQueue, directory.RefusalSearchQueue, directory.RefusalEmailQueue,
	directory.RefusalLogInLimit, directory.RefusalEmailLimit, directory.RefusalRateLimit, directory.RefusalRequestLimit,
	refusalTimeout, refusalStopping, refusalDatabase,
}

// The values of the label result, next to the codes of the directory.
const (
	logInSucceeded = "success"
	logInFailed    = "error" // the server could not check the password, or the client has left
)

// meters count requests, log-ins and refusals. No label contains a text that a client chooses. A request that belongs to
// no operation has the operation "".
type meters struct {
	requests  *prometheus.CounterVec
	durations map[*contract.Operation]prometheus.Observer // nil: of requests that belong to no operation
	refusals  *prometheus.CounterVec
	logIns    *prometheus.CounterVec
}

// newMeters registers the metrics. Those with few values are there from the start, so that an alert sees the first
// time that something happens.
func newMeters(registry prometheus.Registerer, operations []*contract.Operation) (*meters, error) {
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "How long requests took, by operation.", Buckets: durationBuckets,
	}, []string{"operation"})
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests by operation, status and code of the problem, which is empty if there was none.",
		}, []string{"operation", "status", "code"}),
		durations: map[*contract.Operation]prometheus.Observer{nil: durations.WithLabelValues("")},
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userapi_refusals_total", Help: "Requests that were answered 429 or 503, by what had no room for them.",
		}, []string{"reason"}),
		logIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "userapi_logins_total", Help: "Log-ins by result.",
		}, []string{"result"}),
	}
	for _, operation := range operations {
		m.durations[operation] = durations.WithLabelValues(operation.ID)
	}
	for _, refusal := range refusals {
		m.refusals.WithLabelValues(string(refusal))
	}
	for _, result := range []string{logInSucceeded, logInFailed, string(directory.CodeInvalidCredentials), string(directory.CodeTooManyRequests)} {
		m.logIns.WithLabelValues(result)
	}
	var errs []error
	for _, collector := range []prometheus.Collector{m.requests, durations, m.refusals, m.logIns} {
		errs = append(errs, registry.Register(collector))
	}
	return m, errors.Join(errs...)
}

// countRequest counts a request that has ended.
func (m *meters) countRequest(x *exchange, status int, took time.Duration) {
	m.durations[x.operation].Observe(took.Seconds())
	m.requests.WithLabelValues(x.operationID(), strconv.Itoa(status), string(x.problem)).Inc()
}

// countRefusal counts a request that is answered 429 or 503. It ignores probes and all other failures.
func (m *meters) countRefusal(x *exchange, failure *requestError) {
	if refusal := refusalOf(x, failure); refusal != "" && x.operation != nil {
		m.refusals.WithLabelValues(string(refusal)).Inc()
	}
}

func refusalOf(x *exchange, failure *requestError) directory.Refusal {
	switch {
	case failure.Refusal != "" || failure.Code != api.ProblemCodeUnavailable:
		return failure.Refusal
	case waitedTooLong(x, failure):
		return refusalTimeout
	case errors.Is(context.Cause(x), ErrStopping):
		return refusalStopping
	}
	return refusalDatabase
}

// countLogIn counts the result of a log-in. Err is the directory's.
func (m *meters) countLogIn(err error) {
	result := logInFailed
	switch {
	case err == nil:
		result = logInSucceeded
	case isRefusedLogIn(err):
		result = string(classify(err).Code)
	}
	m.logIns.WithLabelValues(result).Inc()
}

// isRefusedLogIn reports whether the server has looked the name up, and refuses the log-in because of the password, the account or earlier failures.
func isRefusedLogIn(err error) bool {
	return directory.IsCode(err, directory.CodeInvalidCredentials) || directory.IsCode(err, directory.CodeTooManyRequests)
}
