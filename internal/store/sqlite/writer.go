package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"userapi/internal/directory"
	"userapi/internal/store"
)

const (
	// maxBatch is how many units a batch has at most. With thousands of clients, larger batches
	// wait for the disk less often.
	maxBatch = 256
	// MaxWaiting is how many units the queue has room for. A server should accept no more
	// connections than that, so that the queue is hardly ever full: to refuse a write costs
	// nearly as much as to run it, and a client that was refused soon sends it again.
	MaxWaiting = 6144
)

// writer runs all writes of this process on one connection, by group commit. The package
// comment explains it.
type writer struct {
	connection *connection
	pool       *sql.DB     // on the same connection, for GORM
	session    session     // on both, with a context that does not end
	second     *connection // for checkpoints, and to look at the database next to a transaction
	commitMu   sync.Mutex  // held by the leader, and by the writer's goroutine while it uses the fields below
	files      *guard
	status     *status
	fatal      func(error)
	log        logState     // after the last commit or checkpoint
	unmoved    atomic.Int64 // log.frames - log.moved; any goroutine may read it
	renewed    int64        // how many frames the log had after the identity was renewed, or unknownFrame
	version    int64        // SQLite's data_version
	wrote      bool         // this process has committed
	foreign    bool         // another process has written since log was read in a transaction
	batch      []*unit      // empty between two batches
	queue      chan *unit
	progress   *progress
	metrics    *store.WriterMetrics
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
	claimed atomic.Bool // set by the leader that takes the unit, or by a caller that stops waiting
	queued  time.Time
	done    chan struct{} // closed after err is set
	err     error
}

func newUnit(ctx context.Context, fn func(session) error) *unit {
	return &unit{ctx: ctx, fn: fn, queued: time.Now(), done: make(chan struct{})}
}

// openWriter opens a writer's connections and starts it. Before is the state of the file before that.
func openWriter(ctx context.Context, path string, before fileState, cache *principals, options Options) (*writer, error) {
	opened, err := openConnections(ctx, readWrite(path), 2)
	if err != nil {
		return nil, err
	}
	w := &writer{
		connection: <-opened, second: <-opened, status: newStatus(options.logger()), fatal: options.Fatal,
		renewed: unknownFrame, indexBatch: indexBatch, sinceIndexed: indexBatch,
		batch: make([]*unit, 0, maxBatch), queue: make(chan *unit, MaxWaiting), progress: newProgress(),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	w.metrics = store.NewWriterMetrics(func() int { return len(w.queue) })
	if err := w.prepare(path, before, cache, options.logger()); err != nil {
		return nil, errors.Join(err, w.closeConnections())
	}
	go w.loop()
	return w, nil
}

func (w *writer) prepare(path string, before fileState, cache *principals, logger *slog.Logger) (err error) {
	w.pool = sql.OpenDB(singleConn{w.connection.driver})
	w.pool.SetMaxOpenConns(1)
	if w.session, err = newSession(w.pool, w.connection); err != nil {
		return err
	}
	w.session.cache = cache
	pageSize, err := queryInt(w.session.prepared, "PRAGMA page_size")
	if err != nil {
		return err
	}
	if w.files, err = newGuard(path, before, pageSize, logger); err != nil {
		return err
	}
	w.files.verify = w.verify
	if err := w.files.openIndex(); err != nil {
		return err
	}
	w.validateCache()
	return w.lookAtLog()
}

// closeConnections closes what is open.
func (w *writer) closeConnections() error {
	errs := []error{w.second.close(), w.connection.close()}
	if w.pool != nil {
		errs = append(errs, w.pool.Close())
	}
	if w.files != nil {
		errs = append(errs, w.files.reader.close(), w.files.closeIndex())
	}
	return errors.Join(errs...)
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
// too long, if the files are lost or cannot be written, or after close. If it fails because they
// were lost during the commit, nobody knows whether fn had an effect.
func (w *writer) Write(ctx context.Context, fn func(session) error) error {
	if w == nil {
		return errors.New("the database was opened only for reading")
	}
	u := newUnit(ctx, fn)
	if err := w.submit(u); err != nil {
		return err
	}
	select {
	case <-u.done: // this goroutine was the leader: it does not wait
		return translate(u.err)
	default:
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
	w.progress.queued.Add(1)
	select {
	case w.queue <- u:
	default:
		w.progress.queued.Add(-1)
		return directory.NewQueueFullError(directory.RefusalWriterQueue, fmt.Sprintf("%d writes are waiting", MaxWaiting))
	}
	w.yieldToArrivals()
	if w.commitMu.TryLock() {
		w.commitNextBatch()
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

// close refuses new units, commits the queue, moves the log into the file as far as no reader holds it, and
// closes the connections.
func (w *writer) close() error {
	w.closeMu.Lock()
	w.closed = true
	close(w.wake)
	w.closeMu.Unlock()
	<-w.stopped
	if err := w.files.check(w.log); err != nil {
		return errors.Join(fmt.Errorf("the last changes may be in the log alone, which was left as it is: %w", err), w.abandon())
	}
	if w.wrote {
		w.checkpoint()
	}
	if w.wrote && w.log.frames != w.log.moved {
		w.files.logger.Warn("the last changes are in the log alone, because another program reads an old state or the disk refuses them: keep the log with the file",
			"file", w.files.path, "log", w.files.logName)
	}
	err := w.closeConnections()
	touchLog(w.files.path) // to close the last connection may have changed the file without removing the log
	return err
}

// abandon closes what can be closed if the files are lost. The connections stay open until the
// process ends: to close the last one moves the log into a file that may be another one by now,
// and removes the log by its name, which may be another one's, too.
func (w *writer) abandon() error {
	for _, c := range []*connection{w.connection, w.second} {
		runtime.SetFinalizer(c.driver, nil) // the driver's finalizer closes it
	}
	return w.files.reader.close()
}

// loop is the writer's own goroutine. It leads if units are left in the queue when a leader has
// finished, and checks for writes of other processes.
func (w *writer) loop() {
	defer close(w.stopped)
	ticker := time.NewTicker(cacheCheckInterval)
	defer ticker.Stop()
	upkeep := time.NewTicker(upkeepInterval)
	defer upkeep.Stop()
	for open := true; open; {
		select {
		case _, open = <-w.wake:
			for len(w.queue) > 0 {
				w.yieldToArrivals()
				w.commitMu.Lock()
				w.commitNextBatch()
			}
		case <-ticker.C:
			w.commitMu.Lock()
			w.validateCache()
			w.commitMu.Unlock()
		case <-upkeep.C:
			w.commitMu.Lock()
			w.keepUp()
			w.commitMu.Unlock()
		}
	}
}

// commitNextBatch commits a batch from the queue. It is called with commitMu held, and unlocks it.
func (w *writer) commitNextBatch() {
	defer w.commitMu.Unlock()
	taken := w.nextBatch()
	w.commitBatch(w.batch)
	clear(w.batch)
	w.batch = w.batch[:0]
	w.progress.finish(taken)
	if w.log.frames >= checkpointFrames {
		w.checkpoint()
	}
}

// nextBatch takes units from the queue, up to maxBatch. It drops units whose context has ended.
// Taken is how many it took, with those that it dropped.
func (w *writer) nextBatch() (taken int64) {
	now := time.Now()
	for len(w.batch) < maxBatch {
		select {
		case u := <-w.queue:
			taken++
			switch {
			case !u.claimed.CompareAndSwap(false, true):
			case u.ctx.Err() != nil:
				u.finish(waitError(u.ctx))
			default:
				w.metrics.Wait.Observe(max(0, now.Sub(u.queued)).Seconds()) // it may have come after now
				w.batch = append(w.batch, u)
			}
		default:
			return taken
		}
	}
	return taken
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
	w.metrics.Batch.Observe(float64(len(batch)))
	if w.sinceIndexed += int64(len(batch)); w.sinceIndexed >= w.indexBatch {
		// Nobody waits for this unit. If it fails, the next such unit indexes its events, too.
		batch = append(batch, newUnit(context.Background(), func(tx session) error { return indexEvents(tx, w.indexBatch) }))
		w.sinceIndexed = 0
	}
	err := w.runTransaction(batch)
	w.session.cache.DropDirty()
	w.status.writeFailed(err)
	for _, u := range batch {
		u.finish(cmp.Or(u.err, err))
	}
}

// validateCache purges the cache if another process has written since the last check.
func (w *writer) validateCache() {
	began := time.Now()
	version, err := queryInt(w.session.prepared, "PRAGMA data_version")
	w.session.cache.Validate(began, version, err == nil)
	if err != nil || version != w.version {
		w.foreign, w.renewed, w.version = true, unknownFrame, version
	}
}
