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
	maxBatch   = 64   // units in a batch
	maxWaiting = 1024 // units in the queue
)

// writer runs all writes of this process on one connection, by group commit. The package
// comment explains it.
type writer struct {
	connection *connection
	pool       *sql.DB    // on the same connection, for GORM
	session    session    // on both, with a context that does not end
	commitMu   sync.Mutex // held by the leader
	queue      chan *unit
	wake       chan struct{} // holds a value if units may be in the queue; close closes it
	stopped    chan struct{} // closed when the last unit has finished

	indexBatch   int64 // the constant, except in tests
	sinceIndexed int64 // units since indexEvents ran; starts at indexBatch, because earlier events may not be indexed

	closeMu sync.RWMutex
	closed  bool // submit refuses units
}

// unit is one change, which takes effect as a whole or not at all.
type unit struct {
	ctx     context.Context // of the request; ignored once the unit is in a batch
	fn      func(session) error
	claimed atomic.Bool   // set by the leader that takes the unit, or by a caller that stops waiting
	done    chan struct{} // closed after err is set
	err     error
}

func newUnit(ctx context.Context, fn func(session) error) *unit {
	return &unit{ctx: ctx, fn: fn, done: make(chan struct{})}
}

// newWriter starts a writer on a connection. The writer closes the connection.
func newWriter(c *connection, cache *principals) (*writer, error) {
	pool := sql.OpenDB(singleConn{c.driver})
	pool.SetMaxOpenConns(1)
	session, err := newSession(pool, c)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	session.cache = cache
	w := &writer{
		connection: c, pool: pool, session: session, indexBatch: indexBatch, sinceIndexed: indexBatch,
		queue: make(chan *unit, maxWaiting), wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go w.loop()
	return w, nil
}

// singleConn is a [driver.Connector] of one connection that is already open.
type singleConn struct{ driver.Conn }

// Connect implements [driver.Connector].
func (s singleConn) Connect(context.Context) (driver.Conn, error) { return s.Conn, nil }

// Driver implements [driver.Connector].
func (singleConn) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// Write runs fn in the next group commit and returns when the commit is on disk. If it
// returns an error, fn had no effect. Cancelling ctx drops fn only while it is queued. It fails
// with [directory.CodeUnavailable] if the queue is full, if another process holds the lock for
// too long, or after close.
func (w *writer) Write(ctx context.Context, fn func(session) error) error {
	u := newUnit(ctx, fn)
	if err := w.submit(u); err != nil {
		return err
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		if u.claimed.CompareAndSwap(false, true) {
			return waitError(ctx)
		}
		<-u.done
	}
	return translate(u.err)
}

func waitError(ctx context.Context) error { return fmt.Errorf("wait to write: %w", ctx.Err()) }

// submit queues a unit. If no commit is running, the caller becomes the leader and commits the
// queue itself: to wake the writer's goroutine would take longer than most statements.
func (w *writer) submit(u *unit) error {
	w.closeMu.RLock()
	defer w.closeMu.RUnlock()
	if w.closed {
		return &directory.Error{Code: directory.CodeUnavailable, Err: errors.New("the store is closed")}
	}
	select {
	case w.queue <- u:
	default:
		return &directory.Error{Code: directory.CodeUnavailable, Err: fmt.Errorf("%d writes are waiting", maxWaiting)}
	}
	w.yieldToArrivals()
	if w.commitMu.TryLock() {
		w.commitNextBatch(make([]*unit, 0, maxBatch))
		if len(w.queue) == 0 {
			return nil
		}
	}
	select {
	case w.wake <- struct{}{}:
	default: // the writer's goroutine has been woken
	}
	return nil
}

// yieldToArrivals lets other goroutines queue their units, until no more arrive or a batch is full.
func (w *writer) yieldToArrivals() {
	for before := 0; len(w.queue) > before && len(w.queue) < maxBatch; {
		before = len(w.queue)
		runtime.Gosched()
	}
}

// close refuses new units, commits the queue, and closes the connection.
func (w *writer) close() error {
	w.closeMu.Lock()
	w.closed = true
	close(w.wake)
	w.closeMu.Unlock()
	<-w.stopped
	return errors.Join(w.connection.close(), w.pool.Close())
}

// loop is the writer's own goroutine. It leads if units are left in the queue when a leader has
// finished, and checks for writes of other processes.
func (w *writer) loop() {
	defer close(w.stopped)
	ticker := time.NewTicker(cacheCheckInterval)
	defer ticker.Stop()
	batch := make([]*unit, 0, maxBatch)
	for open := true; open; {
		select {
		case _, open = <-w.wake:
			for len(w.queue) > 0 {
				w.yieldToArrivals()
				w.commitMu.Lock()
				w.commitNextBatch(batch)
				clear(batch[:maxBatch])
			}
		case <-ticker.C:
			w.commitMu.Lock()
			w.validateCache()
			w.commitMu.Unlock()
		}
	}
}

// commitNextBatch commits a batch from the queue. It is called with commitMu held, and unlocks it.
func (w *writer) commitNextBatch(batch []*unit) {
	defer w.commitMu.Unlock()
	w.commitBatch(w.nextBatch(batch))
}

// nextBatch takes units from the queue, up to maxBatch. It drops units whose context has ended.
func (w *writer) nextBatch(batch []*unit) []*unit {
	for len(batch) < maxBatch {
		select {
		case u := <-w.queue:
			switch {
			case !u.claimed.CompareAndSwap(false, true):
			case u.ctx.Err() != nil:
				u.finish(waitError(u.ctx))
			default:
				batch = append(batch, u)
			}
		default:
			return batch
		}
	}
	return batch
}

func (u *unit) finish(err error) {
	u.err = err
	close(u.done)
}

// commitBatch runs and commits a batch, and finishes all its units.
func (w *writer) commitBatch(batch []*unit) {
	if len(batch) == 0 {
		return
	}
	if w.sinceIndexed += int64(len(batch)); w.sinceIndexed >= w.indexBatch {
		// Nobody waits for this unit. If it fails, the next such unit indexes its events, too.
		batch = append(batch, newUnit(context.Background(), func(tx session) error { return indexEvents(tx, w.indexBatch) }))
		w.sinceIndexed = 0
	}
	err := w.runTransaction(batch)
	w.session.cache.DropDirty()
	for _, u := range batch {
		u.finish(cmp.Or(u.err, err))
	}
}

// runTransaction runs the units in one transaction. If it fails, no unit has any effect.
func (w *writer) runTransaction(batch []*unit) error {
	if err := w.connection.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	w.validateCache()
	if err := catchPanic(func() error { return w.runUnits(batch) }); err != nil {
		return errors.Join(err, w.rollBack())
	}
	if err := w.connection.exec("COMMIT"); err != nil {
		return errors.Join(err, w.rollBack())
	}
	return nil
}

// runUnits runs the units and undoes those that fail. If it fails itself, the transaction must
// be rolled back.
func (w *writer) runUnits(batch []*unit) error {
	if len(batch) == 1 { // a single unit needs no savepoint: it fails with its transaction
		batch[0].err = w.runUnit(batch[0])
		return batch[0].err
	}
	for _, u := range batch {
		if err := w.connection.exec("SAVEPOINT unit"); err != nil {
			return err
		}
		if u.err = w.runUnit(u); u.err != nil {
			// SQLite itself ends the transaction after some errors, such as a full disk. Then there
			// is no savepoint left.
			if err := w.connection.exec("ROLLBACK TO unit"); err != nil {
				return fmt.Errorf("another unit has ended the transaction: %v", u.err) //nolint:errorlint // %w would give the code of the failed unit to the others
			}
		}
		if err := w.connection.exec("RELEASE unit"); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) runUnit(u *unit) error { return catchPanic(func() error { return u.fn(w.session) }) }

// catchPanic returns a panic of fn as an error, so that the leader can finish the other units.
func catchPanic(fn func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	return fn()
}

// rollBack rolls the transaction back, unless SQLite has already done so.
func (w *writer) rollBack() error {
	if w.connection.driver.AutoCommit() {
		return nil
	}
	return w.connection.exec("ROLLBACK")
}

// validateCache purges the cache if another process has written since the last check.
func (w *writer) validateCache() {
	began := time.Now()
	version, err := queryInt(w.session, "PRAGMA data_version")
	w.session.cache.Validate(began, version, err == nil)
}
