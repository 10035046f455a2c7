package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// Store is a directory.Store in one SQLite file.
type Store struct {
	writer      *writer
	readers     connections   // for the prepared path
	lists       *sql.DB       // for lists that an index serves
	scans       *sql.DB       // for lists that look at every row; one connection
	scanSlot    chan struct{} // holds a value while scans is in use
	readSession session       // on readers and lists
	scanSession session       // on readers and scans
	cache       *principals
}

var _ directory.Store = (*Store)(nil)

// Open opens a database. It fails unless [Migrate] has brought the schema up to date.
func Open(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no database at %s: run 'userapi serve' or 'userapi migrate' first", path)
	}
	s := &Store{cache: newPrincipals(), scanSlot: make(chan struct{}, 1)}
	if err := s.connect(ctx, path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context, path string) (err error) {
	if err := checkSchema(ctx, path); err != nil {
		return err
	}
	writing, err := readWrite(path).openConnection(ctx)
	if err != nil {
		return err
	}
	if s.writer, err = newWriter(writing, s.cache); err != nil {
		return err
	}
	reading := readOnly(path)
	if s.readers, err = openConnections(ctx, reading, maxReaders()); err != nil {
		return err
	}
	s.lists, s.scans = reading.openPool(maxReaders()), reading.openPool(1)
	if s.readSession, err = newSession(s.lists, s.readers); err != nil {
		return err
	}
	s.scanSession, err = newSession(s.scans, s.readers)
	return err
}

// Close commits the units in the queue and closes all connections. Closing the last one
// moves the WAL into the database file.
func (s *Store) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{s.lists, s.scans} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	if s.readers != nil {
		errs = append(errs, s.readers.close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	return errors.Join(errs...)
}

// Ready returns nil if the database answers.
func (s *Store) Ready(ctx context.Context) (err error) {
	defer translateRead(&err)
	_, err = exists(s.readSession.withContext(ctx).gorm.Model(&User{}))
	return err
}

// exists reports whether the query finds a row. It does not count them.
func exists(query *gorm.DB) (bool, error) {
	var ids []int64
	err := query.Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}
