// Package store keeps the directory in SQLite through GORM. All writes go through one
// connection, see writer; reads have others beside it.
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
	readers     connections   // for what every request needs
	lists       *sql.DB       // for lists
	scans       *sql.DB       // for lists that have to look at all rows; one connection
	scanSlot    chan struct{} // who has put something in uses scans
	readSession session       // on readers and lists
	scanSession session       // on readers and scans
	cache       *principals
}

var _ directory.Store = (*Store)(nil)

// Open opens a database whose schema is up to date, see Migrate.
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

// Close carries out what was accepted and ends all connections; the last one moves the
// log into the database file.
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

// exists reports whether the query finds a row, without counting them.
func exists(query *gorm.DB) (bool, error) {
	var ids []int64
	err := query.Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}
