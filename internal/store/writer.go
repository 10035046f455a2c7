package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"userapi/internal/directory"
	"userapi/internal/telemetry"
)

const (
	maxBatch   = 64   // units that share a commit
	maxWaiting = 1024 // units that wait; one more is refused
)

// writer carries out all writes of this process, on one connection. It takes the units
// that wait, runs them one after another in one transaction, each in a savepoint of its
// own, commits once, and only then answers all of them (group commit): they share the
// wait for the disk.
type writer struct {
	connection *connection
	pool       *sql.DB // of the same connection, for GORM
	session    session // on both; nothing ends its statements
	turn       sync.Mutex
	queue      chan *unit
	ready      chan struct{} // has one if some may wait; closed by close
	stopped    chan struct{} // closed when the last unit has been answered

	runLength int64 // see indexEvents
	written   int64 // units since its last run; at first, some may wait from before

	mutex  sync.RWMutex
	closed bool // no unit is taken any more
}

// unit is a change that is made whole or not at all.
type unit struct {
	ctx  context.Context // of the request; it counts until the unit joins a batch
	run  func(session) error
	gone atomic.Bool   // it has joined a batch, or its request has left, whichever was first
	done chan struct{} // closed when err is final
	err  error
}

func newUnit(ctx context.Context, run func(session) error) *unit {
	return &unit{ctx: ctx, run: run, done: make(chan struct{})}
}

// newWriter starts a writer on a connection, which it closes.
func newWriter(c *connection, cache *principals) (*writer, error) {
	pool := sql.OpenDB(same{c.driver})
	pool.SetMaxOpenConns(1)
	session, err := newSession(pool, c)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	session.cache = cache
	w := &writer{
		connection: c, pool: pool, session: session, runLength: runLength, written: runLength,
		queue: make(chan *unit, maxWaiting), ready: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go w.work()
	return w, nil
}

// same gives database/sql one connection that is open already. It is a driver.Connector.
type same struct{ driver.Conn }

// Connect implements driver.Connector.
func (s same) Connect(context.Context) (driver.Conn, error) { return s.Conn, nil }

// Driver implements driver.Connector.
func (same) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// do has fn carried out: all of it is on disk when do returns nil, none of it when do
// returns an error. If ctx ends before the unit has joined a batch, the unit is dropped,
// afterwards it is carried out all the same. CodeUnavailable: too many wait.
func (w *writer) do(ctx context.Context, fn func(session) error) error {
	u := newUnit(ctx, fn)
	if err := w.accept(u); err != nil {
		return err
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		if u.gone.CompareAndSwap(false, true) {
			return waitError(ctx)
		}
		<-u.done
	}
	return translate(u.err)
}

func waitError(ctx context.Context) error { return fmt.Errorf("wait to write: %w", ctx.Err()) }

// accept lets a unit wait. If nobody writes, it has what waits carried out itself: to wake
// another goroutine would take longer than most statements.
func (w *writer) accept(u *unit) error {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	if w.closed {
		return &directory.Error{Code: directory.CodeUnavailable, Err: errors.New("the store is closed")}
	}
	select {
	case w.queue <- u:
	default:
		return &directory.Error{Code: directory.CodeUnavailable, Err: fmt.Errorf("%d writes are waiting", maxWaiting)}
	}
	w.wait()
	if w.turn.TryLock() {
		w.commitWaiting(make([]*unit, 0, maxBatch))
		if len(w.queue) == 0 {
			return nil
		}
	}
	select {
	case w.ready <- struct{}{}:
	default: // the writer knows
	}
	return nil
}

// wait lets those who are about to come join the batch, as long as they do come.
func (w *writer) wait() {
	for before := 0; len(w.queue) > before && len(w.queue) < maxBatch; {
		before = len(w.queue)
		runtime.Gosched()
	}
}

// close carries out what was accepted, takes no more, and ends the connection.
func (w *writer) close() error {
	w.mutex.Lock()
	w.closed = true
	close(w.ready)
	w.mutex.Unlock()
	<-w.stopped
	return errors.Join(w.connection.close(), w.pool.Close()) // which has nothing left to close
}

// work is the writer's loop.
func (w *writer) work() {
	defer close(w.stopped)
	look := time.NewTicker(cacheLook)
	defer look.Stop()
	batch := make([]*unit, 0, maxBatch)
	for open := true; open; {
		select {
		case _, open = <-w.ready:
			for len(w.queue) > 0 {
				w.wait()
				w.turn.Lock()
				w.commitWaiting(batch)
				clear(batch[:maxBatch])
			}
		case <-look.C:
			w.turn.Lock()
			w.look()
			w.turn.Unlock()
		}
	}
}

// commitWaiting carries out a batch of what waits, and ends the turn.
func (w *writer) commitWaiting(batch []*unit) {
	defer w.turn.Unlock()
	w.commit(w.gather(batch))
}

// gather takes what waits, as much as a batch holds, but for those whose requests have ended.
func (w *writer) gather(batch []*unit) []*unit {
	for len(batch) < maxBatch {
		select {
		case u := <-w.queue:
			switch {
			case !u.gone.CompareAndSwap(false, true):
			case u.ctx.Err() != nil:
				u.answer(waitError(u.ctx))
			default:
				batch = append(batch, u)
			}
		default:
			return batch
		}
	}
	return batch
}

func (u *unit) answer(err error) {
	u.err = err
	close(u.done)
}

// commit carries out a batch and answers all of it.
func (w *writer) commit(batch []*unit) {
	if len(batch) == 0 {
		return
	}
	if w.written += int64(len(batch)); w.written >= w.runLength {
		// If it fails, the next run is longer: nobody waits for it.
		batch = append(batch, newUnit(context.Background(), func(tx session) error { return indexEvents(tx, w.runLength) }))
		w.written = 0
	}
	err := w.transact(batch)
	w.session.cache.settle()
	for _, u := range batch {
		u.answer(cmp.Or(u.err, err))
	}
}

// transact runs the units in one transaction. An error means that none is carried out.
func (w *writer) transact(batch []*unit) error {
	if err := w.connection.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	w.look()
	if err := guarded(func() error { return w.runAll(batch) }); err != nil {
		return errors.Join(err, w.rollBack())
	}
	if err := w.connection.run("COMMIT"); err != nil {
		return errors.Join(err, w.rollBack())
	}
	return nil
}

// runAll runs the units and undoes those that fail. An error means that the transaction
// cannot go on.
func (w *writer) runAll(batch []*unit) error {
	if len(batch) == 1 { // the transaction is its savepoint
		batch[0].err = w.run(batch[0])
		return batch[0].err
	}
	for _, u := range batch {
		if err := w.connection.run("SAVEPOINT unit"); err != nil {
			return err
		}
		if u.err = w.run(u); u.err != nil {
			// SQLite ends the transaction itself when the disk is full, say. There is nothing to return to then.
			if err := w.connection.run("ROLLBACK TO unit"); err != nil {
				return fmt.Errorf("another unit has ended the transaction: %v", u.err) //nolint:errorlint // its code is not theirs
			}
		}
		if err := w.connection.run("RELEASE unit"); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) run(u *unit) error { return guarded(func() error { return u.run(w.session) }) }

// guarded makes a panic an error: whoever else is in the batch has to be answered.
func guarded(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	return do()
}

// rollBack ends the transaction unless SQLite has ended it.
func (w *writer) rollBack() error {
	if w.connection.driver.AutoCommit() {
		return nil
	}
	return w.connection.run("ROLLBACK")
}

// look finds out whether another process has written since the last look.
func (w *writer) look() {
	began := time.Now()
	version, err := number(w.session, "PRAGMA data_version")
	w.session.cache.see(began, version, err == nil)
}
