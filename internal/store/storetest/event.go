package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// Each filter returns each of its events once, in order, on whichever page.
func eventsAgreeWithAModel(t *testing.T, db Database) {
	s := db.open(t)
	targets := []directory.UserID{0}
	var all []directory.Event
	for i := range 4 {
		targets = append(targets, createNamed(t, s, fmt.Sprint("user", i), directory.RoleUser).ID)
		all = append(all, directory.Event{TargetID: targets[i+1], EnterpriseID: "default"})
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same numbers in each run
	for i := range 150 {
		event := newEvent(directory.OperationUpdateUser)
		event.EnterpriseID, event.RequestID = []string{"default", "a", "B"}[random.IntN(3)], fmt.Sprint("request", i)
		target := targets[1+random.IntN(len(targets)-1)]
		_, err := s.Change(t.Context(), directory.Operator(), target, func(f directory.Facts) (directory.Change, error) {
			return directory.Change{User: f.Target, Event: event}, nil
		})
		require.NoError(t, err)
		event.TargetID = target
		all = append(all, *event)
	}
	remove(t, s, targets[1])
	all = append(all, directory.Event{TargetID: targets[1], EnterpriseID: "default"})
	for _, target := range targets {
		for _, enterprise := range []string{"", "default", "a", "b", "B"} {
			var want []directory.Event
			for _, e := range all {
				if (target == 0 || target == e.TargetID) && (enterprise == "" || enterprise == e.EnterpriseID) {
					want = append(want, e)
				}
			}
			requireEvents(t, s, directory.EventFilter{TargetID: target, EnterpriseID: enterprise}, want)
		}
	}
}

// requireEvents fails unless the filter selects these events.
func requireEvents(t *testing.T, s directory.Store, filter directory.EventFilter, want []directory.Event) {
	t.Helper()
	var found []directory.Event
	for number := int64(1); ; number++ {
		page, total, err := s.Events(t.Context(), filter, directory.Page{Number: number, Size: 7})
		require.NoError(t, err)
		require.EqualValues(t, len(want), total)
		found = append(found, page...)
		if len(page) == 0 {
			break
		}
	}
	require.Len(t, found, len(want))
	for i, e := range found {
		require.Equal(t, want[i].TargetID, e.TargetID)
		require.Equal(t, want[i].RequestID, e.RequestID)
		require.True(t, i == 0 || found[i-1].ID < e.ID)
	}
	if filter.EnterpriseID != "" {
		return
	}
	for _, first := range []int{0, len(found) / 2, len(found) - 1} {
		after, err := s.EventsAfter(t.Context(), filter.TargetID, found[first].ID-1, 9)
		require.NoError(t, err)
		require.Equal(t, found[first:min(first+9, len(found))], after)
	}
}

// followersMissNoEvent: a reader who goes on after the last event that it has seen gets all, while four nodes write.
func followersMissNoEvent(t *testing.T, db Database) {
	all := db.OpenNodes(t)
	ids := createMany(t, all[0], 8)
	const each = 50
	var writing sync.WaitGroup
	for i, id := range ids {
		writing.Go(func() {
			for range each {
				if _, err := all[i%4].Change(t.Context(), directory.Operator(), id, setPhone); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var ended atomic.Bool
	go func() { writing.Wait(); ended.Store(true) }()
	seen := 0
	for last, late := int64(0), false; !late; {
		late = ended.Load()
		events, err := all[3].EventsAfter(t.Context(), 0, last, 1000)
		require.NoError(t, err)
		for _, e := range events {
			require.Greater(t, e.ID, last)
			last = e.ID
		}
		seen += len(events)
	}
	require.Equal(t, len(ids)*(1+each), seen)
}
