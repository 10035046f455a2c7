package apitest

import (
	"sync"
	"time"
)

// AtOnce calls do n times at the same moment, with 0 to n-1, and returns what the calls
// return, in that order.
func AtOnce[T any](n int, do func(i int) T) []T {
	start := make(chan struct{})
	results := make([]T, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			results[i] = do(i)
		})
	}
	close(start)
	running.Wait()
	return results
}

// WaitFor returns when holds returns true. It waits as long as the test may run.
func WaitFor(holds func() bool) {
	for !holds() {
		<-time.After(time.Millisecond)
	}
}
