package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// When the standby of a primary that was killed, or that hangs, is promoted, the writers go on by
// themselves. What was acknowledged is there, and nothing is there twice.
func TestFailover(t *testing.T) {
	t.Run("killed", func(t *testing.T) {
		result := failOver(t, (*storetest.Cluster).Kill, true)
		t.Log(result)
		require.Positive(t, result.unanswered)
		require.Positive(t, result.metrics["userapi_postgres_failovers_total"])
		require.EqualValues(t, result.unanswered, result.metrics["userapi_postgres_unanswered_commits_total"])
	})
	t.Run("hung", func(t *testing.T) {
		result := failOver(t, (*storetest.Cluster).Hang, false)
		t.Log(result)
		require.Less(t, result.first, 8*time.Second, "with a pool that is not replaced, it takes 10")
		require.Positive(t, result.metrics["userapi_postgres_failovers_total"])
		require.Positive(t, result.metrics["userapi_postgres_pool_replacements_total"])
		require.Positive(t, result.metrics[`userapi_postgres_retries_total{reason="timeout"}`])
	})
}

// failover is the result of one.
type failover struct {
	acknowledged, refused, unresolved int
	unanswered                        int64         // commits
	first, all                        time.Duration // from the promotion until the first write, and until each writer has written
	metrics                           map[string]float64
}

func (f failover) String() string {
	return fmt.Sprintf("%d changes were acknowledged, %d were refused, %d have an unknown outcome, %d commits had no answer, "+
		"back after %v, all writers after %v", f.acknowledged, f.refused, f.unresolved, f.unanswered, f.first, f.all)
}

// requestTimeout is that of the server.
const requestTimeout = 15 * time.Second

// failOver lets 32 writers write while the primary fails and the standby is promoted, and fails if
// an acknowledged change is lost, or if one was made twice, or if one was made although it was refused.
// If inCommit is set, commits wait for the standby when the primary fails, so they have no answer.
func failOver(t *testing.T, fault func(*storetest.Cluster, testing.TB), inCommit bool) (result failover) {
	t.Helper()
	pair := storetest.NewPair(t)
	s, err := postgres.Open(t.Context(), pair.Address(), postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	sum := &totals{}
	all := make([]*writer, 32)
	for i := range all {
		all[i] = &writer{store: s, number: i, totals: sum}
		all[i].write(t)
	}
	writing, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, w := range all {
		running.Go(func() {
			for writing.Err() == nil {
				w.write(t)
			}
		})
	}
	for range 16 { // as many log-ins as it takes to use all connections
		running.Go(func() {
			for writing.Err() == nil {
				ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
				_, err := s.Account(ctx, directory.LogInName{EnterpriseID: "e", NickName: "nobody"})
				cancel()
				if !directory.IsCode(err, directory.CodeNotFound) && !directory.IsCode(err, directory.CodeUnavailable) {
					t.Errorf("log in: %v", err)
				}
			}
		})
	}
	defer func() { stop(); running.Wait() }()
	waitFor(t, func() bool { return sum.acknowledged.Load() > 1000 })
	if inCommit {
		pair.Standby.Hang(t)
		waitFor(t, func() bool {
			return pair.Primary.Ask(t, `SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) == "true"
		})
	}
	fault(pair.Primary, t)
	if inCommit {
		pair.Standby.Resume(t)
	}
	if inCommit {
		waitFor(t, func() bool { return s.Unanswered() > 0 })
	} else {
		for range 3 { // so that each connection has been used
			_, err := s.User(t.Context(), 1)
			require.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
		}
	}
	pair.Standby.Promote(t)
	promoted := time.Now()
	for _, w := range all {
		w.since.Store(promoted.UnixNano())
	}
	waitFor(t, func() bool { return earliest(all).After(promoted) })
	result.all = time.Since(promoted)
	result.first = result.all
	for _, w := range all {
		result.first = min(result.first, time.Unix(0, w.first.Load()).Sub(promoted))
	}
	_, total, err := s.Users(t.Context(), directory.UserFilter{Roles: directory.Roles()}, directory.Page{Number: 1, Size: 10})
	require.NoError(t, err, "lists are back")
	require.GreaterOrEqual(t, total, int64(len(all)))
	stop()
	running.Wait()
	made := countEvents(t, s)
	for _, w := range all {
		w.check(t, made)
		result.acknowledged += len(w.acknowledged)
		result.refused += len(w.refused)
		result.unresolved += len(w.unresolved)
	}
	result.unanswered = s.Unanswered()
	result.metrics = storetest.Gather(t, s.Metrics())
	return result
}

// waitFor waits until the condition is true.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 5*time.Minute, time.Millisecond)
}

// earliest returns the earliest of the times when the writers last succeeded.
func earliest(all []*writer) time.Time {
	earliest := all[0].last.Load()
	for _, w := range all {
		earliest = min(earliest, w.last.Load())
	}
	return time.Unix(0, earliest)
}

// countEvents returns how many events each request has.
func countEvents(t *testing.T, s directory.Store) map[string]int {
	t.Helper()
	counts, last := map[string]int{}, int64(0)
	for {
		events, err := s.EventsAfter(t.Context(), 0, last, 10_000)
		require.NoError(t, err)
		for _, e := range events {
			counts[e.RequestID]++
			last = e.ID
		}
		if len(events) == 0 {
			return counts
		}
	}
}

// totals are those of all writers.
type totals struct{ acknowledged, refused atomic.Int64 }

// writer sends one change after another. Of four writers, one creates users. The others change the
// phone of their user, which the lane does, and sometimes the e-mail address, which runs alone.
type writer struct {
	store  directory.Store
	number int
	totals *totals

	requests                          int
	user                              directory.User
	acknowledged, refused, unresolved []string // the requests

	last, since, first atomic.Int64 // when it succeeded; first is the first time after since
}

func (w *writer) write(t *testing.T) {
	w.requests++
	request := fmt.Sprintf("request-%d-%d", w.number, w.requests)
	event := &directory.Event{At: time.Unix(1, 0), EnterpriseID: "e", RequestID: request}
	id, decide := w.user.ID, func(f directory.Facts) (directory.Change, error) {
		u := f.Target
		u.Version++
		u.Phone = request
		event.Operation = directory.OperationUpdateUser
		if w.requests%4 == 0 {
			u.Email = &[]string{request + "@example.com"}[0]
			return directory.Change{User: u, Fields: []directory.Field{directory.FieldEmail}, Event: event}, nil
		}
		return directory.Change{User: u, Fields: []directory.Field{directory.FieldPhone}, Event: event}, nil
	}
	if w.number%4 == 0 || w.user.ID == 0 {
		id, decide = 0, func(directory.Facts) (directory.Change, error) {
			u := directory.User{Version: 1, NickName: request, EnterpriseID: "e", Role: directory.RoleUser, CreateTime: time.Unix(1, 0)}
			event.Operation = directory.OperationCreateUser
			return directory.Change{User: u, Event: event}, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	user, err := w.store.Change(ctx, directory.Operator(), id, decide)
	switch {
	case err == nil:
		if id != 0 && user.Version <= w.user.Version {
			t.Errorf("version %d came after %d", user.Version, w.user.Version)
		}
		w.user = user
		w.acknowledged = append(w.acknowledged, request)
		w.totals.acknowledged.Add(1)
		now := time.Now().UnixNano()
		w.last.Store(now)
		if since := w.since.Load(); since > 0 && now > since {
			w.first.CompareAndSwap(0, now)
		}
	case directory.IsCode(err, directory.CodeUnavailable) || ctx.Err() != nil && errors.Is(err, ctx.Err()):
		w.refused = append(w.refused, request)
		w.totals.refused.Add(1)
	case strings.Contains(err.Error(), "nobody knows"):
		w.unresolved = append(w.unresolved, request)
	default:
		t.Errorf("%s: %v", request, err)
	}
}

// check compares what the writer knows with the events.
func (w *writer) check(t *testing.T, made map[string]int) {
	t.Helper()
	for _, request := range w.acknowledged {
		if made[request] != 1 {
			t.Errorf("%s was acknowledged and made %d times", request, made[request])
		}
	}
	for _, request := range w.refused {
		if made[request] != 0 {
			t.Errorf("%s was refused and made %d times", request, made[request])
		}
	}
	for _, request := range w.unresolved {
		if made[request] > 1 {
			t.Errorf("%s was made %d times", request, made[request])
		}
	}
	stored, err := w.store.User(t.Context(), w.user.ID)
	require.NoError(t, err)
	require.GreaterOrEqual(t, stored.Version, w.user.Version)
}
