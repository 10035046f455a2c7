package sqlite

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// A read waits for the writes that were queued before it if there are many, but not for long.
func TestReadsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress()
		// duration is how long a read waits. Meanwhile is called after a millisecond.
		duration := func(meanwhile func()) time.Duration {
			var reading sync.WaitGroup
			begin := time.Now()
			var took time.Duration
			reading.Go(func() {
				p.giveWay()
				took = time.Since(begin)
			})
			time.Sleep(time.Millisecond)
			meanwhile()
			reading.Wait()
			return took
		}
		p.queued.Store(manyWrites - 1)
		require.Zero(t, duration(func() {}), "few writes wait")
		p.queued.Store(2 * manyWrites)
		require.Equal(t, maxGiveWay, duration(func() {}), "no batch ends")
		require.Equal(t, maxGiveWay, duration(func() { p.finish(manyWrites) }), "a batch ends, but writes are left that came before the read")
		p.queued.Add(manyWrites)
		require.Equal(t, time.Millisecond, duration(func() {
			p.queued.Add(100) // they came after the read
			p.finish(manyWrites)
			p.finish(manyWrites)
		}))
	})
}

// A read of a user waits while many writes are queued. It does not wait for all of them.
func TestReadsOfUsersGiveWay(t *testing.T) {
	s := openStore(t)
	release := sync.OnceFunc(holdWriter(s))
	defer release()
	var answers []<-chan error
	for range manyWrites {
		answers = append(answers, enqueue(t.Context(), s, insertsEvent("x")))
	}
	ctx, leave := context.WithCancel(t.Context())
	left := enqueue(ctx, s, insertsEvent("left"))
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	begin := time.Now()
	_, err := s.User(t.Context(), 1)
	require.True(t, directory.IsCode(err, directory.CodeNotFound), err)
	require.GreaterOrEqual(t, time.Since(begin), maxGiveWay)
	release()
	for _, answer := range answers {
		require.NoError(t, <-answer)
	}
	require.Eventually(t, func() bool { return s.writer.progress.queued.Load() == s.writer.progress.finished.Load() },
		time.Minute, time.Millisecond, "a unit that was dropped must not count for ever")
}
