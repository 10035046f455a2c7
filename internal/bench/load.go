package main

import (
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

// traffic is requests that clients send over and over, each of them waiting for its
// answer before it sends the next.
type traffic struct {
	address string
	clients int
	request requester
	busy    bool // 503 is no failure, but counted

	refused atomic.Int64 // answers with 503
	sent    []int        // by each client, in all rounds
}

// result is what came of it, in answers with a status of 2xx.
type result struct {
	perSecond       float64
	p50, p99, worst time.Duration
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
	took := make([][]time.Duration, t.clients)
	var group errgroup.Group
	for client := range took {
		group.Go(func() error {
			for ; time.Since(begin) < length && ctx.Err() == nil; t.sent[client]++ {
				method, path, body := t.request(client, t.sent[client])
				if err := t.send(ctx, transport, method, path, body, begin, &took[client]); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return result{}, err
	}
	all := slices.Concat(took...)
	if len(all) == 0 {
		return result{}, nil
	}
	slices.Sort(all)
	r.perSecond = float64(len(all)) / length.Seconds()
	r.p50, r.p99, r.worst = all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	return r, nil
}

// runBoth runs this traffic and other traffic at the same time.
func (t *traffic) runBoth(ctx context.Context, length time.Duration, other *traffic) (r, beside result, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		r, err = t.run(ctx, length)
		return err
	})
	group.Go(func() (err error) {
		beside, err = other.run(ctx, length)
		return err
	})
	err = group.Wait()
	return r, beside, err
}

// send sends a request and keeps how long its answer took if the warm-up is over.
func (t *traffic) send(ctx context.Context, transport http.RoundTripper, method, path, body string, begin time.Time, all *[]time.Duration) error {
	sent := time.Now()
	answer, err := exchange(ctx, transport, method, "http://"+t.address+path, body)
	took := time.Since(sent)
	switch {
	case err != nil:
		return err
	case answer/100 != 2 && (answer != http.StatusServiceUnavailable || !t.busy):
		return fmt.Errorf("%s %s %s was answered %d", method, path, body, answer)
	case answer == http.StatusServiceUnavailable:
		t.refused.Add(1)
	case sent.After(begin):
		*all = append(*all, took)
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
