package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// connections is a pool, and GORM on it. It is replaced as a whole if the server hangs: the driver needs
// up to 15 seconds to close a connection to such a server, which keeps its place in the pool until then.
type connections struct {
	pool *pgxpool.Pool
	sql  *sql.DB // on the pool, for GORM
	gorm *gorm.DB
}

// newConnections does not connect yet.
func newConnections(config *pgxpool.Config) (*connections, error) {
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, err
	}
	c := &connections{pool: pool, sql: stdlib.OpenDBFromPool(pool)}
	c.sql.SetMaxOpenConns(maxLists) // so that lists do not keep the lane waiting for a connection
	c.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: c.sql}), &gorm.Config{
		// Errors are returned, and a log of statements would contain values.
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		QueryFields:            true, // name the columns instead of *
		DisableAutomaticPing:   true,
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return c, nil
}

// close waits for the connections that are in use.
func (c *connections) close() {
	_ = c.sql.Close() // it keeps no connections of its own
	c.pool.Close()
}

// heed looks at the error of what has used c: after a deadline, the server may hang, and a transaction that
// is read-only leads to a standby.
func (s *Store) heed(ctx context.Context, c *connections, err error) {
	if err == nil {
		return
	}
	if failure, answered := errors.AsType[*pgconn.PgError](err); answered && failure.Code == readOnlyTransaction {
		c.pool.Reset()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.replace(c)
	}
}

// replace replaces connections, unless another goroutine has done it or they are new.
func (s *Store) replace(used *connections) {
	s.replaceMu.Lock()
	defer s.replaceMu.Unlock()
	if s.closed || s.current.Load() != used || time.Since(s.replaced) < replaceInterval {
		return
	}
	next, err := newConnections(s.config)
	if err != nil { // the same config was right before
		s.hosts.logger.Error("cannot replace the connections to the database", "error", err)
		return
	}
	s.metrics.replacements.Inc()
	s.replaced = time.Now()
	s.current.Store(next)
	s.closing.Go(used.close)
}

// retry calls fn again if the server was not there, until ctx ends. Everything that fn does must be safe to
// repeat.
func retry[T any](ctx context.Context, s *Store, fn func(ctx context.Context, c *connections) (T, error)) (result T, err error) {
	for tries := range maxTries {
		c := s.current.Load()
		if result, err = fn(ctx, c); err == nil {
			return result, nil
		}
		s.heed(ctx, c, err)
		closed := s.current.Load() != c
		if !isUnreachable(err) && (!closed || isAnswer(err)) {
			return result, err
		}
		s.metrics.countRetry(err)
		if pause(ctx, tries) != nil {
			break
		}
	}
	return result, unavailable(err)
}
