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
	commitMu   sync.Mutex
	queue      chan *unit
	wake       chan struct{} // has one if some may wait; closed by close
	stopped    chan struct{} // closed when the last unit has been answered

	indexBatch   int64 // see indexEvents
	sinceIndexed int64 // units since its last run; at first, some may wait from before

	closeMu sync.RWMutex
	closed  bool // no unit is taken any more
}

// unit is a change that is made whole or not at all.
type unit struct {
	ctx     context.Context // of the request; it counts until the unit joins a batch
	fn      func(session) error
	claimed atomic.Bool   // it has joined a batch, or its request has left, whichever was first
	done    chan struct{} // closed when err is final
	err     error
}

func newUnit(ctx context.Context, fn func(session) error) *unit {
	return &unit{ctx: ctx, fn: fn, done: make(chan struct{})}
}

// newWriter starts a writer on a connection, which it closes.
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

// singleConn gives database/sql one connection that is open already. It is a driver.Connector.
type singleConn struct{ driver.Conn }

// Connect implements driver.Connector.
func (s singleConn) Connect(context.Context) (driver.Conn, error) { return s.Conn, nil }

// Driver implements driver.Connector.
func (singleConn) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// Write has fn carried out: all of it is on disk when Write returns nil, none of it when Write
// returns an error. If ctx ends before the unit has joined a batch, the unit is dropped,
// afterwards it is carried out all the same. CodeUnavailable: too many wait.
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

// submit lets a unit wait. If nobody writes, it has what waits carried out itself: to wake
// another goroutine would take longer than most statements.
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
	default: // the writer knows
	}
	return nil
}

// yieldToArrivals lets those who are about to come join the batch, as long as they do come.
func (w *writer) yieldToArrivals() {
	for before := 0; len(w.queue) > before && len(w.queue) < maxBatch; {
		before = len(w.queue)
		runtime.Gosched()
	}
}

// close carries out what was accepted, takes no more, and ends the connection.
func (w *writer) close() error {
	w.closeMu.Lock()
	w.closed = true
	close(w.wake)
	w.closeMu.Unlock()
	<-w.stopped
	return errors.Join(w.connection.close(), w.pool.Close()) // which has nothing left to close
}

// loop is the writer's loop.
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

// commitNextBatch carries out a batch of what waits, and ends the turn.
func (w *writer) commitNextBatch(batch []*unit) {
	defer w.commitMu.Unlock()
	w.commitBatch(w.nextBatch(batch))
}

// nextBatch takes what waits, as much as a batch holds, but for those whose requests have ended.
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

// commitBatch carries out a batch and answers all of it.
func (w *writer) commitBatch(batch []*unit) {
	if len(batch) == 0 {
		return
	}
	if w.sinceIndexed += int64(len(batch)); w.sinceIndexed >= w.indexBatch {
		// If it fails, the next run is longer: nobody waits for it.
		batch = append(batch, newUnit(context.Background(), func(tx session) error { return indexEvents(tx, w.indexBatch) }))
		w.sinceIndexed = 0
	}
	err := w.runTransaction(batch)
	w.session.cache.DropDirty()
	for _, u := range batch {
		u.finish(cmp.Or(u.err, err))
	}
}

// runTransaction runs the units in one transaction. An error means that none is carried out.
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

// runUnits runs the units and undoes those that fail. An error means that the transaction
// cannot go on.
func (w *writer) runUnits(batch []*unit) error {
	if len(batch) == 1 { // the transaction is its savepoint
		batch[0].err = w.runUnit(batch[0])
		return batch[0].err
	}
	for _, u := range batch {
		if err := w.connection.exec("SAVEPOINT unit"); err != nil {
			return err
		}
		if u.err = w.runUnit(u); u.err != nil {
			// SQLite ends the transaction itself when the disk is full, say. There is nothing to return to then.
			if err := w.connection.exec("ROLLBACK TO unit"); err != nil {
				return fmt.Errorf("another unit has ended the transaction: %v", u.err) //nolint:errorlint // its code is not theirs
			}
		}
		if err := w.connection.exec("RELEASE unit"); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) runUnit(u *unit) error { return catchPanic(func() error { return u.fn(w.session) }) }

// catchPanic makes a panic an error: whoever else is in the batch has to be answered.
func catchPanic(fn func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	return fn()
}

// rollBack ends the transaction unless SQLite has ended it.
func (w *writer) rollBack() error {
	if w.connection.driver.AutoCommit() {
		return nil
	}
	return w.connection.exec("ROLLBACK")
}

// validateCache finds out whether another process has written since the last look.
func (w *writer) validateCache() {
	began := time.Now()
	version, err := queryInt(w.session, "PRAGMA data_version")
	w.session.cache.Validate(began, version, err == nil)
}
