package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
	"userapi/internal/fair"
	"userapi/internal/password"
)

// timedRequest is a request and the times that its answers took.
type timedRequest struct {
	method, path, body, token string
	status                    int
	forwarded                 string // X-Forwarded-For
	took                      []time.Duration
}

func (r *timedRequest) send(b *testing.B, url string) {
	begin := time.Now()
	status, err := r.do(b.Context(), url)
	r.took = append(r.took, time.Since(begin))
	require.NoError(b, err)
	require.Equal(b, r.status, status)
}

// do sends the request, reads the answer and returns its status.
func (r *timedRequest) do(ctx context.Context, url string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, r.method, url+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", r.token)
	if r.forwarded != "" {
		request.Header.Set("X-Forwarded-For", r.forwarded)
	}
	if r.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// compareTimes sends both requests in turn and reports their median times and the ratio.
func compareTimes(b *testing.B, url string, one, other *timedRequest) {
	for i := range b.N {
		if i%2 == 0 {
			one.send(b, url)
			other.send(b, url)
		} else {
			other.send(b, url)
			one.send(b, url)
		}
	}
	median := func(r *timedRequest) float64 {
		slices.Sort(r.took)
		return float64(r.took[len(r.took)/2])
	}
	b.ReportMetric(median(one)/1e3, "µs-one")
	b.ReportMetric(median(other)/1e3, "µs-other")
	b.ReportMetric(median(one)/median(other), "one/other")
}

// A hidden user (one) takes as long as a user who does not exist (other).
func BenchmarkHiddenAndMissing(b *testing.B) {
	s := apitest.Start(b, apitest.Config{})
	s.DB.InsertPeople(b)
	for _, c := range []struct {
		name, method, path, body string
		actor                    apitest.Person
	}{
		{"get/user", "GET", "/openapi/v1/users/ID", "", people.User},
		{"get/administrator", "GET", "/openapi/v1/users/ID", "", people.Admin},
		{"put", "PUT", "/openapi/v1/users/ID", `{"phone":"1"}`, people.Admin},
		{"put-password", "PUT", "/openapi/v1/users/ID", `{"password":"new password"}`, people.Admin},
		{"delete", "DELETE", "/openapi/v1/users/ID", "", people.Admin},
		{"changepwd", "PUT", "/openapi/v1/users/ID/changepwd", `{"user_id":ID,"password":"new password","password1":"new password"}`, people.Admin},
		{"audit", "GET", "/openapi/v1/users/ID/audit", "", people.Admin},
		{"dismiss", "DELETE", "/openapi/v1/administrators/ID", "", people.Admin},
	} {
		b.Run(c.name, func(b *testing.B) {
			about := func(target apitest.Person) *timedRequest {
				id := target.ID.String()
				return &timedRequest{
					method: c.method, path: strings.ReplaceAll(c.path, "ID", id), body: strings.ReplaceAll(c.body, "ID", id),
					token: c.actor.Token(), status: 404,
				}
			}
			compareTimes(b, s.URL, about(people.ForeignAdmin), about(people.Missing))
		})
	}
}

// A refused log-in takes as long for a known name (one) as for an unknown one (other).
func BenchmarkKnownAndUnknownName(b *testing.B) {
	s := apitest.Start(b, apitest.Config{Hashing: fair.NewGate(1), Hasher: password.NewHasher(password.Params())})
	ada := s.CreateUser(b, "ada")
	require.Equal(b, 200, s.Send(b, "PUT", ada.Path(), `{"email":"ada@example.com"}`).Status)
	for name, usernames := range map[string][2]string{
		"address": {"ada@example.com", "nobody@example.com"},
		"name":    {"default/ada", "default/nobody"},
		"nothing": {"ada@example.com", "ada"},
	} {
		b.Run(name, func(b *testing.B) {
			as := func(username string) *timedRequest {
				return &timedRequest{
					method: "POST", path: "/openapi/v1/auth-token", status: 401,
					body: `{"username":"` + username + `","password":"wrong password"}`,
				}
			}
			compareTimes(b, s.URL, as(usernames[0]), as(usernames[1]))
		})
	}
}

// flood sends requests, each again and again on a connection of its own, until stop is called.
func flood(b *testing.B, url string, requests []timedRequest) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	var answered atomic.Int64
	for _, r := range requests {
		running.Go(func() {
			for {
				status, err := r.do(ctx, url)
				if ctx.Err() != nil {
					return
				}
				if err != nil || status != r.status {
					b.Errorf("%d %v", status, err)
				}
				answered.Add(1)
			}
		})
	}
	apitest.WaitFor(func() bool { return answered.Load() > 0 })
	return func() {
		cancel()
		running.Wait()
	}
}

// compareNextTo reports the lower quartile of the times of a request alone and next to a flood, in turns of ten
// requests each, and the ratio. The quartile, because on a busy machine other programs double the median. Count
// counts the work that must take turns: compareNextTo reports how much is done while one request of its own waits.
func compareNextTo(b *testing.B, url string, request timedRequest, requests []timedRequest, count *atomic.Int64) {
	alone, flooded := request, request
	var done int64
	for range b.N {
		for range 10 {
			alone.send(b, url)
		}
		stop := flood(b, url, requests)
		for range 10 {
			before := count.Load()
			flooded.send(b, url)
			done += count.Load() - before
		}
		stop()
	}
	quartile := func(r timedRequest) float64 {
		slices.Sort(r.took)
		return float64(r.took[len(r.took)/4])
	}
	b.ReportMetric(quartile(alone)/1e6, "ms-alone")
	b.ReportMetric(quartile(flooded)/1e6, "ms-flooded")
	b.ReportMetric(quartile(flooded)/quartile(alone), "flooded/alone")
	b.ReportMetric(float64(done)/float64(len(flooded.took)), "turns")
	b.ReportMetric(0, "ns/op")
}

// countingHasher counts the passwords that were hashed or compared.
type countingHasher struct {
	directory.Hasher
	count *atomic.Int64
}

func (h countingHasher) Hash(ctx context.Context, password string) (string, error) {
	defer h.count.Add(1)
	return h.Hasher.Hash(ctx, password)
}

func (h countingHasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	defer h.count.Add(1)
	return h.Hasher.Verify(ctx, password, hash)
}

// countingStore counts the searches that have ended.
type countingStore struct {
	directory.Store
	count *atomic.Int64
}

func (s countingStore) Users(ctx context.Context, filter directory.UserFilter, page directory.Page) ([]directory.User, int64, error) {
	defer s.count.Add(1)
	return s.Store.Users(ctx, filter, page)
}

// A log-in next to one user who changes the password on 65 connections, and next to wrong log-ins of one
// network on 65 connections.
func BenchmarkLogInNextToFlood(b *testing.B) {
	var count atomic.Int64
	s := apitest.Start(b, apitest.Config{
		Hashing: fair.NewGate(1), Hasher: countingHasher{password.NewHasher(password.Params()), &count}, TrustedProxies: []string{"127.0.0.1"},
	})
	ada, bob := s.CreateUser(b, "ada"), s.CreateUser(b, "bob")
	logIn := timedRequest{
		method: "POST", path: "/openapi/v1/auth-token", status: 200, forwarded: "198.51.100.1",
		body: `{"username":"` + ada.Username() + `","password":"` + apitest.Password + `"}`,
	}
	var changes, wrong []timedRequest
	token := s.CreateToken(b, bob)
	for i := range 65 {
		changes = append(changes, timedRequest{
			method: "PUT", path: "/openapi/v1/changepwd", token: token, status: 200, body: apitest.NewPassword("new password"),
		})
		wrong = append(wrong, timedRequest{
			method: "POST", path: "/openapi/v1/auth-token", status: 401, forwarded: fmt.Sprintf("2001:db8:1:%d::1", i),
			body: fmt.Sprintf(`{"username":"nobody%d@example.com","password":"wrong password"}`, i),
		})
	}
	b.Run("changepwd", func(b *testing.B) { compareNextTo(b, s.URL, logIn, changes, &count) })
	b.Run("network", func(b *testing.B) { compareNextTo(b, s.URL, logIn, wrong, &count) })
}

// A search of an enterprise of 1,000 users next to 100 searches of one of 100,000.
func BenchmarkSearchNextToFlood(b *testing.B) {
	var count atomic.Int64
	s := apitest.Start(b, apitest.Config{Store: func(s directory.Store) directory.Store { return countingStore{s, &count} }})
	s.DB.InsertPeople(b)
	s.DB.InsertMany(b, people.Admin.Enterprise, 100_000)
	s.DB.InsertMany(b, people.ForeignAdmin.Enterprise, 1_000)
	search := func(actor apitest.Person) timedRequest {
		return timedRequest{method: "GET", path: "/openapi/v1/users?query=nothing", token: actor.Token(), status: 200}
	}
	compareNextTo(b, s.URL, search(people.ForeignAdmin), slices.Repeat([]timedRequest{search(people.Admin)}, 100), &count)
}

// How long the server takes to read, to write and to refuse, without the network.
func BenchmarkRequest(b *testing.B) {
	s := apitest.Start(b, apitest.Config{})
	ada := s.CreateUser(b, "ada")
	for _, c := range []struct {
		name, method, body string
		status             int
	}{
		{"get", "GET", "", 200},
		{"put", "PUT", `{"is_active":null}`, 200},
		{"put-nothing", "PUT", `{}`, 200},
		{"refuse", "PUT", `{"is_actve":null}`, 422},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequestWithContext(b.Context(), c.method, ada.Path(), strings.NewReader(c.body))
				request.Header.Set("Authorization", "Bearer "+s.Token)
				request.Header.Set("Content-Type", "application/json")
				answer := httptest.NewRecorder()
				s.Handler.ServeHTTP(answer, request)
				require.Equal(b, c.status, answer.Code)
			}
		})
	}
}
