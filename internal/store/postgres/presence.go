package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	presenceCheck   = 10 * time.Second // how often a connection that is silent is tried
	presenceRetry   = time.Second      // how long to wait before the lock is taken again
	presenceTimeout = 15 * time.Second // of taking the lock, on whichever of several hosts
)

// presence shows that this process has the database open. It holds a shared lock of a session of its own
// until it is closed, and takes the lock again if the connection breaks. A copy needs the lock exclusively.
type presence struct {
	connect func(ctx context.Context) (*pgx.Conn, error)
	timeout time.Duration // of a check of the connection
	stop    context.CancelFunc
	ended   chan struct{}
	held    atomic.Bool // the lock
}

// newPresence takes the lock. It fails if a copy is running.
func newPresence(ctx context.Context, timeout time.Duration, connect func(ctx context.Context) (*pgx.Conn, error)) (*presence, error) {
	p := &presence{connect: connect, timeout: timeout, ended: make(chan struct{})}
	c, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	p.held.Store(true)
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	go p.keep(ctx, c)
	return p, nil
}

// close releases the lock.
func (p *presence) close() {
	p.stop()
	<-p.ended
}

// take opens a connection that holds the lock.
func (p *presence) take(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	c, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	free := false
	err = c.QueryRow(ctx, `SELECT pg_try_advisory_lock_shared($1::int, 0)`, lockOpen).Scan(&free)
	if err == nil && !free {
		err = errors.New("'userapi copy' is filling the database: wait until it has ended, and try again")
	}
	if err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

// keep holds the lock until ctx ends.
func (p *presence) keep(ctx context.Context, c *pgx.Conn) {
	defer close(p.ended)
	for {
		p.watch(ctx, c)
		p.held.Store(false)
		closeSession(c)
		for c = nil; c == nil; c, _ = p.take(ctx) { // while the server is away, it fails and is tried again
			select {
			case <-time.After(presenceRetry):
			case <-ctx.Done():
				return
			}
		}
		p.held.Store(true)
	}
}

// watch returns when the connection is broken or ctx has ended.
func (p *presence) watch(ctx context.Context, c *pgx.Conn) {
	for ctx.Err() == nil {
		silent, cancel := context.WithTimeout(ctx, presenceCheck)
		err := c.PgConn().WaitForNotification(silent) // nobody sends any: this notices at once if the connection is closed
		cancel()
		if ctx.Err() != nil || err != nil && !pgconn.Timeout(err) {
			return
		}
		check, cancel := context.WithTimeout(ctx, p.timeout)
		err = c.Ping(check)
		cancel()
		if err != nil {
			return
		}
	}
}

// closeSession releases the locks of a session and closes its connection. The server would release them, too,
// but only a moment after the connection is closed.
func closeSession(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // the server may be away
	defer cancel()
	if !c.IsClosed() {
		_, _ = c.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	}
	_ = c.Close(ctx) // the server notices
}
