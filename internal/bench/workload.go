package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// workload is a closed loop: each client sends its next request when the last one was
// answered.
type workload struct {
	server   *process
	other    *process // the odd clients use it; nil: all use server
	token    string   // "": the operator's
	clients  int
	request  requestFunc
	allow503 bool // count answers with 503; otherwise they are errors

	refused atomic.Int64 // answers with 503
	sent    []int        // by each client, in all rounds; its next request has this number
}

// sample is what one run of a workload gave. Only answers with status 2xx count.
type sample struct {
	throughput    float64 // requests/s
	p50, p99, max time.Duration
	cpu           time.Duration // of the server per request; 0: not measured
}

// timing is how long a run takes: it sends requests during warmUp before it counts those
// that it sends during length.
type timing struct{ warmUp, length time.Duration }

func (w *workload) run(ctx context.Context, t timing) (s sample, err error) {
	if w.sent == nil {
		w.sent = make([]int, w.clients)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: w.clients}
	defer transport.CloseIdleConnections()
	latencies := make([][]time.Duration, w.clients)
	// Each client connects before the warm-up: thousands of them take longer than that.
	if err := w.forEachClient(func(client int) error {
		return w.send(ctx, transport, client, time.Now(), new([]time.Duration))
	}); err != nil {
		return sample{}, err
	}
	begin := time.Now().Add(t.warmUp)
	if err := w.forEachClient(func(client int) error {
		for time.Since(begin) < t.length && ctx.Err() == nil {
			if err := w.send(ctx, transport, client, begin, &latencies[client]); err != nil {
				return err
			}
		}
		return ctx.Err()
	}); err != nil {
		return sample{}, err
	}
	all := slices.Concat(latencies...)
	if len(all) == 0 {
		return sample{}, nil
	}
	slices.Sort(all)
	s.throughput = float64(len(all)) / t.length.Seconds()
	s.p50, s.p99, s.max = all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	return s, nil
}

// forEachClient calls fn for all clients at the same time.
func (w *workload) forEachClient(fn func(client int) error) error {
	var group errgroup.Group
	for client := range w.clients {
		group.Go(func() error { return fn(client) })
	}
	return group.Wait()
}

// runWith runs two workloads at the same time.
func (w *workload) runWith(ctx context.Context, t timing, other *workload) (own, others sample, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		own, err = w.run(ctx, t)
		return err
	})
	group.Go(func() (err error) {
		others, err = other.run(ctx, t)
		return err
	})
	err = group.Wait()
	return own, others, err
}

// total is the number of requests that were sent so far.
func (w *workload) total() (total int) {
	for _, sent := range w.sent {
		total += sent
	}
	return total
}

// send sends the next request of a client, and appends its latency if begin, the end of the
// warm-up, is over.
func (w *workload) send(ctx context.Context, transport http.RoundTripper, client int, begin time.Time, latencies *[]time.Duration) error {
	server := w.server
	if w.other != nil && client%2 == 1 {
		server = w.other
	}
	method, path, body := w.request(client, w.sent[client])
	w.sent[client]++
	sent := time.Now()
	status, err := roundTrip(ctx, transport, cmp.Or(w.token, operatorToken), method, server.url(path), body)
	latency := time.Since(sent)
	switch {
	case err != nil:
		return err
	case status/100 != 2 && (status != http.StatusServiceUnavailable || !w.allow503):
		return fmt.Errorf("%s %s %s was answered %d", method, path, body, status)
	case status == http.StatusServiceUnavailable:
		w.refused.Add(1)
	case sent.After(begin):
		*latencies = append(*latencies, latency)
	}
	return nil
}

// roundTrip sends a request, reads the whole answer and returns its status.
func roundTrip(ctx context.Context, transport http.RoundTripper, token, method, url, body string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header["Authorization"] = []string{"Bearer " + token}
	if body != "" {
		request.Header["Content-Type"] = []string{"application/json"}
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}
