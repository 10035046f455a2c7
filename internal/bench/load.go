package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// traffic is requests that clients send over and over, each of them waiting for its
// answer before it sends the next.
type traffic struct {
	address string
	clients int
	request func(client, number int) (method, path, body string)
	busy    bool // 503 is no failure

	sent []int // by each client, in all rounds
}

// result is what came of it, in answers with a status of 2xx.
type result struct {
	perSecond       float64
	p50, p99, worst time.Duration
	busy            int // answers with 503
}

// warmUp is how long requests are sent before they count.
const warmUp = 300 * time.Millisecond

// run sends requests for this long.
func (t *traffic) run(ctx context.Context, length time.Duration) (r result, err error) {
	if t.sent == nil {
		t.sent = make([]int, t.clients)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: t.clients}
	defer transport.CloseIdleConnections()
	begin := time.Now().Add(warmUp)
	results := make([]answers, t.clients)
	var group errgroup.Group
	for client := range results {
		group.Go(func() error {
			for ; time.Since(begin) < length && ctx.Err() == nil; t.sent[client]++ {
				method, path, body := t.request(client, t.sent[client])
				if err := t.send(ctx, transport, method, path, body, begin, &results[client]); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return result{}, err
	}
	var all []time.Duration
	for _, a := range results {
		all = append(all, a.took...)
		r.busy += a.busy
	}
	if len(all) == 0 {
		return result{}, fmt.Errorf("%s answered nothing", t.address)
	}
	slices.Sort(all)
	r.perSecond = float64(len(all)) / length.Seconds()
	r.p50, r.p99, r.worst = all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	return r, nil
}

// answers is what one client got.
type answers struct {
	took []time.Duration
	busy int
}

// send sends a request and counts its answer if the warm-up is over.
func (t *traffic) send(ctx context.Context, transport http.RoundTripper, method, path, body string, begin time.Time, a *answers) error {
	sent := time.Now()
	answer, err := exchange(ctx, transport, method, "http://"+t.address+path, body)
	took := time.Since(sent)
	switch {
	case err != nil:
		return err
	case answer/100 != 2 && (answer != http.StatusServiceUnavailable || !t.busy):
		return fmt.Errorf("%s %s %s was answered %d", method, path, body, answer)
	case sent.Before(begin):
	case answer/100 == 2:
		a.took = append(a.took, took)
	default:
		a.busy++
	}
	return nil
}

// exchange sends a request, reads the whole answer and returns its status.
func exchange(ctx context.Context, transport http.RoundTripper, method, url, body string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header["Authorization"] = []string{"Bearer " + operatorToken}
	if body != "" {
		request.Header["Content-Type"] = []string{"application/json"}
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, errors.Join(err, answer.Body.Close())
}
