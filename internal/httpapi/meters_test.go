package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/contract"
	"userapi/internal/directory"
	"userapi/internal/httpapi"
)

// samples returns the samples of a metric by the rest of their lines, its labels in braces or "".
func samples(t *testing.T, s *apitest.Server, name string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, line := range regexp.MustCompile(`(?m)^`+name+`(\{.*\})? (\S+)$`).FindAllStringSubmatch(s.Metrics(t), -1) {
		value, err := strconv.ParseFloat(line[2], 64)
		require.NoError(t, err)
		found[line[1]] = int(value)
	}
	return found
}

// Requests are counted by operation, status and code. HEAD counts as the operation of GET, and what belongs to no operation
// has none. The durations of each operation are in a histogram whose buckets go from 0.25 ms to 10 s.
func TestRequestsAreCounted(t *testing.T) {
	apitest.OneNode(t, "each node counts for itself")
	s := apitest.Start(t, apitest.Config{})
	path := people.First.Path()
	s.Send(t, "GET", path, "")
	s.Send(t, "HEAD", path, "")
	s.Send(t, "GET", path, "", apitest.NoAuth)
	s.Send(t, "GET", people.Missing.Path(), "")
	s.Send(t, "PUT", path, "{")
	s.Send(t, "PUT", path, `{"x":1}`)
	s.Send(t, "PATCH", path, "")
	s.Send(t, "GET", "/nowhere", "")
	s.Send(t, "GET", "/healthz", "")
	require.Equal(t, map[string]int{
		`{code="",operation="getUser",status="200"}`:                   2,
		`{code="unauthenticated",operation="getUser",status="401"}`:    1,
		`{code="not_found",operation="getUser",status="404"}`:          1,
		`{code="malformed_json",operation="updateUser",status="400"}`:  1,
		`{code="invalid_request",operation="updateUser",status="422"}`: 1,
		`{code="method_not_allowed",operation="",status="405"}`:        1,
		`{code="not_found",operation="",status="404"}`:                 1,
		`{code="",operation="",status="200"}`:                          1,
	}, samples(t, s, "http_requests_total"))
	counts := samples(t, s, "http_request_duration_seconds_count")
	require.Equal(t, 4, counts[`{operation="getUser"}`])
	require.Equal(t, 2, counts[`{operation="updateUser"}`])
	require.Equal(t, 3, counts[`{operation=""}`])
	require.Len(t, counts, 14, "the operations of the contract and none")
	buckets := samples(t, s, "http_request_duration_seconds_bucket")
	require.Contains(t, buckets, `{operation="getUser",le="0.00025"}`)
	require.Contains(t, buckets, `{operation="getUser",le="10"}`)
	require.Len(t, buckets, 14*16)
}

// Log-ins are counted by result, and all results are there from the start.
func TestLogInsAreCounted(t *testing.T) {
	apitest.OneNode(t, "each node counts for itself")
	s := apitest.Start(t, apitest.Config{LogInLimit: 2})
	require.Equal(t, map[string]int{
		`{result="success"}`: 0, `{result="invalid_credentials"}`: 0, `{result="too_many_requests"}`: 0, `{result="error"}`: 0,
	}, samples(t, s, "userapi_logins_total"))
	ada := s.CreateUser(t, "ada")
	require.Equal(t, 200, s.LogIn(t, ada.Username(), apitest.Password).Status)
	for _, status := range []int{401, 401, 429, 429, 429} {
		require.Equal(t, status, s.LogIn(t, ada.Username(), "wrong").Status)
	}
	s.Send(t, "POST", "/openapi/v1/auth-token", `{}`)
	require.Equal(t, map[string]int{
		`{result="success"}`: 1, `{result="invalid_credentials"}`: 2, `{result="too_many_requests"}`: 3, `{result="error"}`: 0,
	}, samples(t, s, "userapi_logins_total"))
	broken := apitest.Start(t, failWith(errors.New("a fault")))
	broken.LogIn(t, "default/ada", "wrong")
	require.Equal(t, 1, samples(t, broken, "userapi_logins_total")[`{result="error"}`])
}

// fullGate refuses everybody, as a gate does if too many wait.
type fullGate struct{}

func (fullGate) Enter(context.Context, directory.Turn) (leave func(), err error) {
	return nil, directory.NewQueueFullError("", "a test")
}

// Each answer of 429 or 503 is counted by its reason.
func TestRefusalsAreCounted(t *testing.T) {
	apitest.OneNode(t, "each node counts for itself")
	const password, search = `{"password":"battery staple"}`, "/openapi/v1/users?query=x"
	logIn := func(t *testing.T, s *apitest.Server) { s.LogIn(t, "default/ada", "wrong") }
	send := func(method, path, body string) func(*testing.T, *apitest.Server) {
		return func(t *testing.T, s *apitest.Server) { s.Send(t, method, path, body) }
	}
	stopped := func(t *testing.T, s *apitest.Server) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(httpapi.ErrStopping)
		request := httptest.NewRequestWithContext(ctx, "POST", "/openapi/v1/auth-token", strings.NewReader(`{"username":"a","password":"wrong"}`))
		request.Header.Set("Content-Type", "application/json")
		s.Handler.ServeHTTP(httptest.NewRecorder(), request)
	}
	for reason, c := range map[string]struct {
		config apitest.Config
		ask    func(*testing.T, *apitest.Server)
	}{
		"writer_queue": {failWith(directory.NewQueueFullError(directory.RefusalWriterQueue, "a test")), send("PUT", people.First.Path(), `{"phone":"1"}`)},
		"hash_queue":   {apitest.Config{Hashing: fullGate{}}, send("PUT", people.First.Path(), password)},
		"search_queue": {apitest.Config{Searching: fullGate{}}, send("GET", search, "")},
		"login_limit":  {apitest.Config{LogInLimit: 1}, func(t *testing.T, s *apitest.Server) { logIn(t, s); logIn(t, s) }},
		"email_limit": {apitest.Config{}, func(t *testing.T, s *apitest.Server) {
			s.DB.InsertPeople(t)
			s.Send(t, "PUT", people.ForeignUser.Path(), `{"email":"taken@example.com"}`)
			for range 11 {
				setEmail(t, s, people.Admin, takenEmail)
			}
		}},
		"rate_limit": {apitest.Config{RateLimit: 1}, func(t *testing.T, s *apitest.Server) {
			apitest.WaitFor(func() bool { return s.Send(t, "GET", people.First.Path(), "").Status == 429 })
		}},
		"timeout":  {apitest.Config{Hashing: apitest.NewWatchedGate(0), RequestTimeout: time.Millisecond}, logIn},
		"stopping": {apitest.Config{Hashing: apitest.NewWatchedGate(0)}, stopped},
		"database": {failWith(&directory.Error{Code: directory.CodeUnavailable}), send("GET", people.First.Path(), "")},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s := apitest.Start(t, c.config)
			c.ask(t, s)
			found := samples(t, s, "userapi_refusals_total")
			require.Len(t, found, 11, "all reasons are there from the start")
			for labels, count := range found {
				require.Equal(t, labels == `{reason="`+reason+`"}`, count == 1, "%s is %d", labels, count)
			}
		})
	}
}

// A probe of a server that is not ready is no refused request, and neither is a failure or a request that is wrong.
func TestOtherFailuresAreNoRefusals(t *testing.T) {
	apitest.OneNode(t, "each node counts for itself")
	s := apitest.Start(t, failWith(errors.New("a fault")))
	require.Equal(t, 500, s.Send(t, "GET", people.First.Path(), "").Status)
	require.Equal(t, 404, s.Send(t, "GET", "/nowhere", "").Status)
	for labels, count := range samples(t, s, "userapi_refusals_total") {
		require.Zero(t, count, labels)
	}
	described, err := contract.Load()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	handler, err := (&httpapi.Server{
		Contract: described, Directory: s.Service, Logger: slog.New(slog.DiscardHandler), Metrics: registry, RequestTimeout: time.Hour,
		Ready: func(context.Context) error { return &directory.Error{Code: directory.CodeUnavailable} },
	}).Handler()
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	require.Equal(t, 503, answer.Code)
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			require.False(t, family.GetName() == "userapi_refusals_total" && metric.GetCounter().GetValue() > 0)
		}
	}
}
