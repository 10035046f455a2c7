package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"userapi/internal/directory"
	"userapi/internal/store"
)

const (
	maxBatch   = 64   // units in a batch
	maxWaiting = 1024 // units in the queue
)

// unit is one change, which takes effect as a whole or not at all.
type unit struct {
	ctx       context.Context // of the request; it ends neither a batch nor a commit
	queued    time.Time
	principal directory.Principal
	id        directory.UserID // of the target; 0: a user who will be created
	decide    directory.Decide
	key       [16]byte // of its event
	claimed   atomic.Bool
	done      chan struct{} // closed after user and err are set

	// An attempt sets these:
	change  directory.Change
	actor   directory.Principal
	alone   bool             // it must run alone
	maybe   directory.UserID // the target of a commit that had no answer; 0: there was none
	user    directory.User   // the result
	refused error            // the error of decide, or that the token has ended
	err     error            // the result
}

// lane commits batches. The package comment explains it.
type lane struct {
	store   *Store
	queue   chan *unit
	metrics *store.WriterMetrics
	waiting atomic.Int64 // units that nobody has claimed
	stopped chan struct{}
	slots   chan struct{}  // holds a value for each unit that runs alone
	alone   sync.WaitGroup // the units that run alone

	usersMu         sync.Mutex
	targets, actors map[directory.UserID]int // how many units of the batches that run have this target, or this actor

	closeMu sync.RWMutex
	closed  bool // submit refuses units
}

func newLane(s *Store) *lane {
	l := &lane{
		store: s, queue: make(chan *unit, maxWaiting), stopped: make(chan struct{}), slots: make(chan struct{}, maxAlone),
		targets: map[directory.UserID]int{}, actors: map[directory.UserID]int{},
	}
	l.metrics = store.NewWriterMetrics(func() int { return int(l.waiting.Load()) })
	go l.loop()
	return l
}

// Change implements [directory.Store].
func (s *Store) Change(ctx context.Context, p directory.Principal, id directory.UserID, decide directory.Decide) (directory.User, error) {
	u := &unit{ctx: ctx, principal: p, id: id, decide: decide, queued: time.Now(), done: make(chan struct{})}
	_, _ = rand.Read(u.key[:]) // it never fails
	u.alone = id == 0
	if err := s.lane.submit(u); err != nil {
		return directory.User{}, err
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		if u.claimed.CompareAndSwap(false, true) {
			s.lane.waiting.Add(-1)
			return directory.User{}, waitError(ctx)
		}
		<-u.done
	}
	if ended := ctx.Err(); ended != nil && errors.Is(u.err, ended) { // it was dropped, and the database has no part in it
		return directory.User{}, u.err
	}
	if err := translate(u.err); err != nil {
		return directory.User{}, err
	}
	return u.user, nil
}

func waitError(ctx context.Context) error { return fmt.Errorf("wait to write: %w", ctx.Err()) }

func (l *lane) submit(u *unit) error {
	l.closeMu.RLock()
	defer l.closeMu.RUnlock()
	if l.closed {
		return errClosed()
	}
	l.waiting.Add(1)
	select {
	case l.queue <- u:
		return nil
	default:
		l.waiting.Add(-1)
		return directory.NewQueueFullError(directory.RefusalWriterQueue, fmt.Sprintf("%d writes are waiting", maxWaiting))
	}
}

// close commits the units in the queue, and refuses new ones.
func (l *lane) close() {
	l.closeMu.Lock()
	l.closed = true
	close(l.queue)
	l.closeMu.Unlock()
	<-l.stopped
	l.alone.Wait()
}

func (l *lane) loop() {
	defer close(l.stopped)
	runBatches(l.queue, maxBatch, l.nextBatch, l.commit)
}

// nextBatch takes the units that fit into one batch: in all batches that run, no user is the target of two
// units, or the target of one and the actor of another. They would wait for each other's locks. It starts
// the units that run alone, and drops those whose context has ended.
func (l *lane) nextBatch(waiting []*unit) (batch, rest []*unit) {
	l.usersMu.Lock()
	defer l.usersMu.Unlock()
	for _, u := range waiting {
		actor := u.principal.User.ID
		switch {
		case u.alone:
			if l.claim(u) {
				l.runAlone(u)
			}
		case l.targets[u.id] > 0, l.actors[u.id] > 0, l.targets[actor] > 0 && actor != u.id:
			rest = append(rest, u)
		case l.claim(u):
			batch = append(batch, u)
			l.count(u, 1)
		}
	}
	return batch, rest
}

// count adds n to what counts the users of a unit. It is called with usersMu held.
func (l *lane) count(u *unit, n int) {
	add := func(counts map[directory.UserID]int, id directory.UserID) {
		if counts[id] += n; counts[id] == 0 {
			delete(counts, id)
		}
	}
	add(l.targets, u.id)
	if actor := u.principal.User.ID; actor != 0 { // 0: nobody with a row
		add(l.actors, actor)
	}
}

// leave lets other units have the users of a batch that has ended.
func (l *lane) leave(batch []*unit) {
	l.usersMu.Lock()
	defer l.usersMu.Unlock()
	for _, u := range batch {
		l.count(u, -1)
	}
}

// claim reports whether the unit still waits. From then on, its context no longer drops it.
func (l *lane) claim(u *unit) bool {
	if !u.claimed.CompareAndSwap(false, true) {
		return false
	}
	l.waiting.Add(-1)
	if u.ctx.Err() != nil {
		u.finish(waitError(u.ctx))
		return false
	}
	l.metrics.Wait.Observe(time.Since(u.queued).Seconds())
	return true
}

func (u *unit) finish(err error) {
	u.err = err
	close(u.done)
}

// commit runs a batch, and finishes its units or runs them alone.
func (l *lane) commit(batch []*unit) {
	ctx, cancel := context.WithTimeout(context.Background(), l.store.unitTimeout)
	defer cancel()
	sent, err := l.store.runTransaction(ctx, batch, false)
	l.leave(batch)
	if err != nil {
		l.store.metrics.countRetry(err)
	}
	for _, u := range batch {
		switch {
		case u.refused != nil: // it was decided on rows that were locked and committed
			u.finish(u.refused)
		case u.alone || err != nil:
			if err != nil && !u.alone && classify(err, sent) == unknown && u.change.Event != nil {
				u.maybe = u.user.ID
			}
			l.runAlone(u)
		default:
			u.finish(nil)
		}
	}
}

// runAlone runs a unit in a transaction of its own, in another goroutine.
func (l *lane) runAlone(u *unit) {
	l.alone.Go(func() {
		if u.maybe == 0 && u.ctx.Err() != nil { // nobody waits, and its batch has failed
			u.finish(waitError(u.ctx))
			return
		}
		select {
		case l.slots <- struct{}{}:
			defer func() { <-l.slots }()
			u.finish(l.store.tryAlone(u))
		case <-u.ctx.Done():
			if u.maybe != 0 {
				u.finish(unresolved(u.ctx.Err()))
				return
			}
			u.finish(waitError(u.ctx))
		}
	})
}

// unresolved is the error of a unit whose commit had no answer. It is not [directory.CodeUnavailable], which
// says that nothing was changed, and it hides the cause from translate.
func unresolved(cause error) error {
	return fmt.Errorf("nobody knows whether the change is kept, because its commit had no answer: %s", oneLine(cause.Error()))
}

// tryAlone runs a unit until its outcome is known, or its context ends, or maxTries. After a commit that had no
// answer, it tries longer, because the client could not tell what has happened.
func (s *Store) tryAlone(u *unit) (err error) {
	for tries := 0; tries < maxTries || u.maybe != 0 && tries < maxLooks; tries++ {
		if err = s.tryOnce(u); err == nil {
			return nil
		}
		if u.refused != nil {
			return u.refused
		}
		if u.maybe == 0 { // else nobody knows yet, whatever kept lookFor from telling
			again, failed := err.(*failedTransaction) //nolint:errorlint // tryOnce does not wrap it
			if !failed || classify(again.err, again.sent) == undone {
				return err
			}
			if classify(again.err, again.sent) == unknown {
				u.maybe = u.user.ID
			}
		}
		s.metrics.countRetry(err)
		if pause(u.ctx, tries) != nil {
			break
		}
	}
	if u.maybe != 0 {
		return unresolved(err)
	}
	return unavailable(err)
}

// failedTransaction is an error of the database, not of the unit.
type failedTransaction struct {
	err  error
	sent bool // COMMIT
}

func (f *failedTransaction) Error() string { return f.err.Error() }

func (f *failedTransaction) Unwrap() error { return f.err }

func (s *Store) tryOnce(u *unit) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.unitTimeout)
	defer cancel()
	if u.maybe != 0 {
		found, err := s.lookFor(ctx, u)
		if err != nil {
			return &failedTransaction{err, false}
		}
		if found {
			return nil
		}
		u.maybe = 0
	}
	u.refused = nil
	if sent, err := s.runTransaction(ctx, []*unit{u}, true); err != nil {
		return &failedTransaction{err, sent}
	}
	return u.refused
}
