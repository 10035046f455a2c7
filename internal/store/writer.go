package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
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
// own, commits once, and only then answers all of them: they share the wait for the disk.
type writer struct {
	pool    *sql.DB // of the one connection
	conn    *sql.Conn
	steps   map[string]*sql.Stmt
	session session // on the connection; nothing ends its statements
	queue   chan *unit
	stopped chan struct{} // closed when the last unit has been answered

	mutex  sync.RWMutex
	closed bool // no unit is taken any more
}

// unit is a change that is made whole or not at all.
type unit struct {
	ctx  context.Context // of the request; it counts until the unit joins a batch
	run  func(session) error
	gone atomic.Bool   // from the queue: it has joined a batch, or its request has left, whoever was first
	done chan struct{} // closed when err is final
	err  error
}

func newWriter(ctx context.Context, pool *sql.DB, cache *principals) (*writer, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	session, err := newSession(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	steps, err := prepare(ctx, conn, begin, savepoint, release, rollBackTo, commit, rollBack)
	session.cache = cache
	w := &writer{
		pool: pool, conn: conn, session: session,
		steps: steps, queue: make(chan *unit, maxWaiting), stopped: make(chan struct{}),
	}
	go w.work()
	return w, nil
}

// The steps of a transaction.
const (
	begin      = "BEGIN IMMEDIATE"
	savepoint  = "SAVEPOINT unit"
	release    = "RELEASE unit"
	rollBackTo = "ROLLBACK TO unit"
	commit     = "COMMIT"
	rollBack   = "ROLLBACK"
)

// do has fn carried out: all of it is on disk when do returns nil, none of it when do
// returns an error. Whose ctx ends while the unit waits leaves; a unit that has joined
// a batch is carried out. CodeUnavailable: too many wait.
func (w *writer) do(ctx context.Context, fn func(session) error) error {
	u := &unit{ctx: ctx, run: fn, done: make(chan struct{})}
	if err := w.enqueue(u); err != nil {
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

func (w *writer) enqueue(u *unit) error {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	if w.closed {
		return &directory.Error{Code: directory.CodeUnavailable, Err: errors.New("the store is closed")}
	}
	select {
	case w.queue <- u:
		return nil
	default:
		return &directory.Error{Code: directory.CodeUnavailable, Err: fmt.Errorf("%d writes are waiting", maxWaiting)}
	}
}

// close carries out what was accepted, takes no more, and ends the connection.
func (w *writer) close() error {
	w.mutex.Lock()
	w.closed = true
	close(w.queue)
	w.mutex.Unlock()
	<-w.stopped
	return errors.Join(w.conn.Close(), w.pool.Close())
}

// work is the writer's loop.
func (w *writer) work() {
	defer close(w.stopped)
	look := time.NewTicker(cacheLook)
	defer look.Stop()
	batch := make([]*unit, 0, maxBatch)
	for {
		select {
		case u, open := <-w.queue:
			if !open {
				return
			}
			batch = w.gather(append(batch[:0], u))
			w.commit(batch)
			clear(batch)
		case <-look.C:
			w.look()
		}
	}
}

// gather adds what waits, and takes out those whose requests have ended.
func (w *writer) gather(batch []*unit) []*unit {
	for len(batch) < maxBatch {
		select {
		case u, open := <-w.queue:
			if !open {
				return joined(batch)
			}
			batch = append(batch, u)
		default:
			return joined(batch)
		}
	}
	return joined(batch)
}

func joined(waiting []*unit) []*unit {
	batch := waiting[:0]
	for _, u := range waiting {
		switch {
		case !u.gone.CompareAndSwap(false, true):
		case u.ctx.Err() != nil:
			u.answer(waitError(u.ctx))
		default:
			batch = append(batch, u)
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
	err := w.transact(batch)
	w.session.cache.settle()
	for _, u := range batch {
		u.answer(cmp.Or(u.err, err))
	}
}

// transact runs the units in one transaction. An error means that none is carried out.
func (w *writer) transact(batch []*unit) error {
	if err := w.step(begin); err != nil {
		return err
	}
	w.look()
	for _, u := range batch {
		if err := w.carryOut(u); err != nil {
			return errors.Join(err, w.end())
		}
	}
	if err := w.step(commit); err != nil {
		return errors.Join(err, w.end())
	}
	return nil
}

// carryOut runs a unit and undoes what has failed. An error means that the transaction
// cannot go on.
func (w *writer) carryOut(u *unit) error {
	if err := w.step(savepoint); err != nil {
		return err
	}
	if u.err = w.run(u); u.err != nil {
		// SQLite ends the transaction itself when the disk is full, say. There is nothing to return to then.
		if err := w.step(rollBackTo); err != nil {
			return fmt.Errorf("another unit has ended the transaction: %v", u.err) //nolint:errorlint // its code is not theirs
		}
	}
	return w.step(release)
}

// run runs a unit; a panic in it is an error of its own.
func (w *writer) run(u *unit) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	return u.run(w.session)
}

// end ends the transaction unless SQLite has ended it.
func (w *writer) end() error {
	open := false
	err := w.conn.Raw(func(conn any) error {
		open = !conn.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	if err != nil || !open {
		return err
	}
	return w.step(rollBack)
}

// look finds out whether another process has written since the last look.
func (w *writer) look() {
	var version int64
	err := w.session.row("PRAGMA data_version").Scan(&version)
	w.session.cache.see(version, err == nil)
}

func (w *writer) step(name string) error {
	_, err := w.steps[name].Exec()
	return err
}

func prepare(ctx context.Context, conn *sql.Conn, all ...string) (map[string]*sql.Stmt, error) {
	prepared := map[string]*sql.Stmt{}
	for _, text := range all {
		statement, err := conn.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		prepared[text] = statement
	}
	return prepared, nil
}
