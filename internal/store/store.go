// Package store keeps the directory in SQLite through GORM. All writes go through one
// connection, each as a unit of its own; reads have a pool beside it.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/semaphore"
	"gorm.io/gorm"

	"userapi/internal/directory"
)

// Store is a directory.Store in one SQLite file.
type Store struct {
	writer  *gorm.DB // one connection
	readers *gorm.DB
	turn    *semaphore.Weighted // of 1, held by the unit that writes
}

var _ directory.Store = (*Store)(nil)

// Open opens a database whose schema is up to date, see Migrate.
func Open(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no database at %s: run 'userapi serve' or 'userapi migrate' first", path)
	}
	writer, err := connect(ctx, path, readWrite(), 1)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(ctx, writer); err != nil {
		return nil, errors.Join(err, closePool(writer))
	}
	reading, err := connect(ctx, path, readOnly(), readers())
	if err != nil {
		return nil, errors.Join(err, closePool(writer))
	}
	return &Store{writer: writer, readers: reading, turn: semaphore.NewWeighted(1)}, nil
}

// Close ends all connections; the last one moves the log into the database file.
func (s *Store) Close() error {
	return errors.Join(closePool(s.readers), closePool(s.writer))
}

func closePool(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

// Ready returns nil if the database answers.
func (s *Store) Ready(ctx context.Context) error {
	_, err := exists(s.read(ctx).Model(&User{}))
	return translate(err)
}

// read gives access to what is committed.
func (s *Store) read(ctx context.Context) *gorm.DB { return s.readers.WithContext(ctx) }

// unit runs fn in a transaction of its own: all of it is on disk when unit returns nil,
// none of it when unit returns an error. Who waits for its turn leaves when ctx ends;
// a unit that has begun is carried out.
func (s *Store) unit(ctx context.Context, fn func(tx *gorm.DB) error) error {
	if err := s.turn.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait to write: %w", err)
	}
	defer s.turn.Release(1)
	return translate(s.writer.WithContext(context.WithoutCancel(ctx)).Transaction(fn))
}

// exists reports whether the query finds a row, without counting them.
func exists(query *gorm.DB) (bool, error) {
	var ids []int64
	err := query.Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}
