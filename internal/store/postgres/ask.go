package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"userapi/internal/directory"
)

// maxQuestions is how many questions one statement answers.
const maxQuestions = 256

// asker answers questions of many goroutines with few statements. A question is answered by a statement
// that begins after the question was asked, so the answer is never stale.
type asker[Key comparable, Value any] struct {
	timeout time.Duration // of a statement, with its repetitions
	load    func(ctx context.Context, keys []Key) (map[Key]Value, error)
	queue   chan *question[Key, Value]
	stopped chan struct{}

	closeMu sync.RWMutex
	closed  bool // ask refuses questions
}

type question[Key comparable, Value any] struct {
	key   Key
	value Value
	found bool
	err   error
	done  chan struct{}
}

func newAsker[Key comparable, Value any](timeout time.Duration, load func(context.Context, []Key) (map[Key]Value, error)) *asker[Key, Value] {
	a := &asker[Key, Value]{timeout: timeout, load: load, queue: make(chan *question[Key, Value], maxQuestions), stopped: make(chan struct{})}
	go a.loop()
	return a
}

// ask returns the value of a key, and whether there is one.
func (a *asker[Key, Value]) ask(ctx context.Context, key Key) (value Value, found bool, err error) {
	q := &question[Key, Value]{key: key, done: make(chan struct{})}
	if err := a.submit(ctx, q); err != nil {
		return value, false, err
	}
	select {
	case <-q.done:
		return q.value, q.found, q.err
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
}

func (a *asker[Key, Value]) submit(ctx context.Context, q *question[Key, Value]) error {
	a.closeMu.RLock()
	defer a.closeMu.RUnlock()
	if a.closed {
		return errClosed()
	}
	select {
	case a.queue <- q:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errClosed() error {
	return &directory.Error{Code: directory.CodeUnavailable, Err: errors.New("the store is closed")}
}

// close answers the questions that were asked, and refuses new ones.
func (a *asker[Key, Value]) close() {
	a.closeMu.Lock()
	a.closed = true
	close(a.queue)
	a.closeMu.Unlock()
	<-a.stopped
}

func (a *asker[Key, Value]) loop() {
	defer close(a.stopped)
	all := func(waiting []*question[Key, Value]) (batch, rest []*question[Key, Value]) { return waiting, nil }
	runBatches(a.queue, maxQuestions, all, a.answer)
}

func (a *asker[Key, Value]) answer(questions []*question[Key, Value]) {
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout)
	defer cancel()
	var keys []Key
	asked := map[Key]bool{}
	for _, q := range questions {
		if !asked[q.key] {
			asked[q.key] = true
			keys = append(keys, q.key)
		}
	}
	values, err := a.load(ctx, keys)
	for _, q := range questions {
		q.value, q.found = values[q.key]
		q.err = translate(err)
		close(q.done)
	}
}
