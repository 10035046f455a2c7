package apitest

import (
	"sync"
	"time"
)

// AtOnce calls do(0) to do(n-1) at the same moment, each in a goroutine of its own, and
// returns their results in this order.
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

// WaitFor calls holds again and again until it returns true.
func WaitFor(holds func() bool) {
	for !holds() {
		<-time.After(time.Millisecond)
	}
}
