package storetest

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// maxRemoval is how many events one step may remove in any dialect.
const maxRemoval = 500

// agingAudit is the audit of three users, and what must be in it.
type agingAudit struct {
	t       *testing.T
	db      Database
	store   directory.Store
	targets []directory.UserID
	all     []directory.Event
}

func newAgingAudit(t *testing.T, db Database, s directory.Store) *agingAudit {
	t.Helper()
	a := &agingAudit{t: t, db: db, store: s}
	for i := range 3 {
		a.targets = append(a.targets, createNamed(t, s, fmt.Sprint("user", i), directory.RoleUser).ID)
		a.all = append(a.all, directory.Event{TargetID: a.targets[i], EnterpriseID: "default", At: time.Unix(1, 0)})
	}
	return a
}

// add stores an event of this time.
func (a *agingAudit) add(at time.Time) {
	a.t.Helper()
	event := newEvent(directory.OperationUpdateUser)
	event.At, event.RequestID = at, fmt.Sprint("request", len(a.all))
	event.EnterpriseID = []string{"default", "a"}[len(a.all)%2]
	target := a.targets[len(a.all)*7%3]
	_, err := a.store.Change(a.t.Context(), directory.Operator(), target, func(f directory.Facts) (directory.Change, error) {
		return directory.Change{User: f.Target, Event: event}, nil
	})
	require.NoError(a.t, err)
	event.TargetID = target
	a.all = append(a.all, *event)
}

// requireLeft fails unless the audit has what must be in it.
func (a *agingAudit) requireLeft() {
	a.t.Helper()
	for _, filter := range []directory.EventFilter{{}, {EnterpriseID: "a"}, {TargetID: a.targets[0]}, {TargetID: a.targets[1], EnterpriseID: "default"}} {
		var want []directory.Event
		for _, e := range a.all {
			if (filter.TargetID == 0 || filter.TargetID == e.TargetID) && (filter.EnterpriseID == "" || filter.EnterpriseID == e.EnterpriseID) {
				want = append(want, e)
			}
		}
		if len(want) > 0 {
			requireEvents(a.t, a.store, filter, want)
		}
	}
	a.db.Verify(a.t)
}

// removeBefore removes events until there is nothing left to do, and returns how many steps that took.
func (a *agingAudit) removeBefore(before time.Time) (steps int) {
	a.t.Helper()
	for ; ; steps++ {
		removed, err := a.store.RemoveEvents(a.t.Context(), before)
		require.NoError(a.t, err)
		if removed == 0 {
			return steps
		}
		require.LessOrEqual(a.t, removed, maxRemoval, "a step is small")
		a.all = a.all[removed:]
		a.requireLeft()
	}
}

// oldEventsAreRemoved: steps remove old events in order, and the rest stays complete. An event from the future keeps those
// after it. The newest event always stays, so that no number comes back.
func oldEventsAreRemoved(t *testing.T, db Database) {
	s := db.open(t)
	removed, err := s.RemoveEvents(t.Context(), time.Now())
	require.NoError(t, err)
	require.Zero(t, removed, "there is nothing")

	a := newAgingAudit(t, db, s)
	minute := func(i int) time.Time { return time.Unix(int64(60*i), 0).UTC() }
	for i := 1; i <= 400; i++ {
		a.add(minute(i))
	}
	require.Greater(t, a.removeBefore(minute(351)), 1)
	require.Equal(t, minute(351), a.all[0].At)

	a.add(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	for i := 701; i <= 710; i++ {
		a.add(minute(i))
	}
	require.Equal(t, 1, a.removeBefore(minute(9999)))
	require.Equal(t, 2100, a.all[0].At.Year())

	require.Equal(t, 1, a.removeBefore(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)))
	events, err := s.EventsAfter(t.Context(), 0, 0, 10)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, minute(710), events[0].At)
	a.add(minute(1000))
	after, err := s.EventsAfter(t.Context(), 0, events[0].ID, 10)
	require.NoError(t, err)
	require.Len(t, after, 1, "its number is higher than all before")
}

// removalLosesNothing: while four nodes write and remove, each old event is removed once, and no other one is.
func removalLosesNothing(t *testing.T, db Database) {
	nodes := db.OpenNodes(t)
	ids := createMany(t, nodes[0], 8)
	const old, each = 2000, 40
	db.mustExec(t, `INSERT INTO events (at, token_name, target_id, enterprise_id, operation, fields, request_id)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i, '', 1 + i % 8, 'default', 'updateUser', '', 'old' FROM n`, old)
	var working sync.WaitGroup
	var removed atomic.Int64
	young := func(f directory.Facts) (directory.Change, error) {
		event := newEvent(directory.OperationUpdateUser)
		event.At = time.Now()
		return directory.Change{User: f.Target, Event: event}, nil
	}
	for i, s := range nodes {
		working.Go(func() {
			for n := range each {
				if _, err := s.Change(t.Context(), directory.Operator(), ids[(i+n)%len(ids)], young); err != nil {
					t.Error(err)
				}
			}
		})
		working.Go(func() {
			for removed.Load() < int64(old+len(ids)) && !t.Failed() {
				n, err := s.RemoveEvents(t.Context(), time.Unix(3600, 0))
				if err != nil {
					t.Error(err)
				}
				removed.Add(int64(n))
			}
		})
	}
	working.Wait()
	require.EqualValues(t, old+len(ids), removed.Load())
	events, err := nodes[0].EventsAfter(t.Context(), 0, 0, math.MaxInt32)
	require.NoError(t, err)
	require.Len(t, events, len(nodes)*each)
	db.Verify(t)
}
