package sqlite

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// However many events are in the event index, each event of a user is returned once and in
// order, even if two processes write, old events are removed and commits fail.
func TestEventsAreCompleteWhileIndexed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := Migrate(t.Context(), path, Options{})
	require.NoError(t, err)
	var stores []*Store
	failing := false
	reopen := func() *Store {
		s, err := Open(t.Context(), path, Options{})
		require.NoError(t, err)
		s.writer.indexBatch = 8
		s.writer.connection.driver.RegisterCommitHook(func() int {
			if failing {
				return 1
			}
			return 0
		})
		return s
	}
	for range 2 {
		stores = append(stores, reopen())
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same numbers in each run
	want := map[directory.UserID][]int64{}
	number, lowest := int64(0), int64(1)
	for range 200 {
		i := random.IntN(2)
		targets := make([]directory.UserID, 1+random.IntN(3))
		for j := range targets {
			targets[j] = directory.UserID(1 + random.IntN(5))
		}
		failing = random.IntN(10) == 0
		err := stores[i].writer.Write(t.Context(), func(tx session) error {
			for j, target := range targets {
				if err := insertEvent(tx, directory.Event{At: time.UnixMicro(number + 1 + int64(j)), TargetID: target, EnterpriseID: "e"}); err != nil {
					return err
				}
			}
			return nil
		})
		require.Equal(t, failing, err != nil)
		for _, target := range targets {
			if !failing {
				number++
				want[target] = append(want[target], number)
			}
		}
		if before := number - 100; before > 0 && random.IntN(5) == 0 {
			removed, err := stores[i].RemoveEvents(t.Context(), time.UnixMicro(before))
			require.Equal(t, failing && lowest < before, err != nil)
			if err == nil {
				require.EqualValues(t, max(0, before-lowest), removed)
				lowest = max(lowest, before)
				for target, numbers := range want {
					want[target] = slices.DeleteFunc(numbers, func(number int64) bool { return number < before })
				}
			}
		}
		failing = false
		requireEvents(t, stores[0], want)
		if random.IntN(100) == 0 {
			require.NoError(t, stores[i].Close())
			stores[i] = reopen()
		}
	}
	require.Greater(t, lowest, int64(100))
	for _, s := range stores {
		require.NoError(t, s.Close())
	}
	db := readOnly(path).openPool(1)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = checkContents(t.Context(), db)
	require.NoError(t, err)
}

// requireEvents fails unless each user has exactly the events with these numbers.
func requireEvents(t *testing.T, s *Store, want map[directory.UserID][]int64) {
	t.Helper()
	for target, numbers := range want {
		filter := directory.EventFilter{TargetID: target}
		found, total, err := s.Events(t.Context(), filter, directory.Page{Number: 1, Size: 1000})
		require.NoError(t, err)
		require.EqualValues(t, len(numbers), total)
		if len(numbers) == 0 {
			require.Empty(t, found)
			continue
		}
		var got []int64
		for _, e := range found {
			got = append(got, e.ID)
		}
		require.Equal(t, numbers, got)
		half := numbers[len(numbers)/2]
		var pages []directory.Event
		for page := int64(1); page == 1 || len(pages)%7 == 0 && len(pages) > 0 && len(pages) < len(found); page++ {
			part, total, err := s.Events(t.Context(), filter, directory.Page{Number: page, Size: 7})
			require.NoError(t, err)
			require.EqualValues(t, len(numbers), total)
			pages = append(pages, part...)
		}
		require.Equal(t, found, pages)
		for enterprise, number := range map[string]int{"e": len(numbers), "f": 0} {
			filter := directory.EventFilter{TargetID: target, EnterpriseID: enterprise}
			part, total, err := s.Events(t.Context(), filter, directory.Page{Number: 1, Size: 1000})
			require.NoError(t, err)
			require.EqualValues(t, number, total)
			require.Len(t, part, number)
		}
		behind, err := s.EventsAfter(t.Context(), target, half, 1000)
		require.NoError(t, err)
		require.Equal(t, found[len(numbers)/2+1:], behind)
	}
}

func TestEventsAreIndexedInBatches(t *testing.T) {
	s := openStore(t)
	s.writer.indexBatch = 100
	for i := range 1000 {
		require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
			return insertEvent(tx, directory.Event{At: time.Now(), TargetID: directory.UserID(1 + i*7%50)})
		}))
	}
	var indexed int
	require.NoError(t, s.readSession.gorm.Raw("SELECT COUNT(*) FROM event_targets").Scan(&indexed).Error)
	require.Greater(t, indexed, 800, "at most two batches are not in the event index")
}
