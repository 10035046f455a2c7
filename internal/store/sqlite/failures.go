package sqlite

import (
	"context"
	"sync"
	"time"

	"userapi/internal/directory"
)

// failures counts in memory: a table would cost a commit for each failure. It does not grow without a limit,
// because each failure first forgets the counts that have ended, passwords are hashed only so fast, and
// there are only so many actors. It is safe for concurrent use.
type failures struct {
	now    func() time.Time
	mutex  sync.Mutex
	counts map[directory.FailureKey]failureCount
	begun  []directory.FailureKey // the keys of counts, in the order in which they end
}

type failureCount struct {
	failures int
	end      time.Time
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, counts: map[directory.FailureKey]failureCount{}}
}

// forget removes the counts that have ended.
func (f *failures) forget(now time.Time) {
	for len(f.begun) > 0 && !now.Before(f.counts[f.begun[0]].end) {
		delete(f.counts, f.begun[0])
		f.begun = f.begun[1:]
	}
}

// Failures implements [directory.Store].
func (s *Store) Failures(_ context.Context, keys []directory.FailureKey) (map[directory.FailureKey]directory.Failures, error) {
	f := s.failures
	f.mutex.Lock()
	defer f.mutex.Unlock()
	now := f.now()
	f.forget(now)
	found := map[directory.FailureKey]directory.Failures{}
	for _, key := range keys {
		if count, ok := f.counts[key]; ok {
			found[key] = directory.Failures{Count: count.failures, Remaining: count.end.Sub(now)}
		}
	}
	return found, nil
}

// AddFailure implements [directory.Store].
func (s *Store) AddFailure(_ context.Context, keys []directory.FailureKey) error {
	f := s.failures
	f.mutex.Lock()
	defer f.mutex.Unlock()
	now := f.now()
	f.forget(now)
	for _, key := range keys {
		count, counted := f.counts[key]
		if !counted {
			count.end = now.Add(directory.FailureWindow)
			f.begun = append(f.begun, key)
		}
		count.failures++
		f.counts[key] = count
	}
	return nil
}
