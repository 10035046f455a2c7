package postgres

import (
	"runtime"
	"sync"
)

// maxBatches is how many batches of one kind run at the same time.
const maxBatches = 2

// runBatches makes batches of what arrives in the queue and runs them, until the queue is closed and all have
// ended. Next takes a batch of what waits, oldest first, and returns the rest.
//
// A batch begins if none runs. Next to one that runs, another begins as soon as as many wait, because a batch
// mostly waits: for the network, the disk or a processor. If fewer were enough, batches would become small, and
// a small one costs almost as much as a large one. Next may return no batch, while one runs: it is asked again when
// that has ended, or more have arrived.
func runBatches[T any](queue <-chan T, most int, next func(waiting []T) (batch, rest []T), run func(batch []T)) {
	var group sync.WaitGroup
	defer group.Wait()
	var waiting []T
	batches, running := 0, 0 // running counts what the batches consist of
	ended := make(chan int, maxBatches)
	for open, refused := true, false; ; {
		if batches == maxBatches || len(waiting) < running || refused {
			arrivals := queue
			if batches == maxBatches || len(waiting) >= most || !open {
				arrivals = nil
			}
			refused = false
			select {
			case size := <-ended:
				batches, running = batches-1, running-size
			case one, more := <-arrivals:
				if open = more; open {
					waiting = append(waiting, one)
				}
			}
			continue
		}
		if len(waiting) == 0 { // and nothing runs
			one, more := <-queue
			if !more {
				return
			}
			waiting = append(waiting, one)
		}
		batch, rest := next(takeMore(queue, waiting, most))
		if waiting = rest; len(batch) == 0 {
			refused = running > 0 && len(rest) > 0
			continue
		}
		batches, running = batches+1, running+len(batch)
		group.Go(func() {
			run(batch)
			ended <- len(batch)
		})
	}
}

// takeMore appends what is in the queue, up to most. It lets other goroutines queue more, until no more
// arrive.
func takeMore[T any](queue <-chan T, taken []T, most int) []T {
	for idle := false; len(taken) < most; {
		select {
		case next, open := <-queue:
			if !open {
				return taken
			}
			taken, idle = append(taken, next), false
		default:
			if idle {
				return taken
			}
			idle = true
			runtime.Gosched()
		}
	}
	return taken
}
