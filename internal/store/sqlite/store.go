package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// maxScans is how many lists that look at every row run at the same time. The directory makes more wait in a fair order.
const maxScans = 2

// Store is a directory.Store in one SQLite file.
type Store struct {
	writer      *writer
	readers     connections // for the prepared path
	lists       *sql.DB     // for lists that an index serves
	scans       *sql.DB     // for lists that look at every row; maxScans connections
	readSession session     // on readers and lists
	scanSession session     // on readers and scans
	cache       *principals
	failures    *failures

	hits, misses prometheus.Counter // of the cache
}

var _ directory.Store = (*Store)(nil)

// Open opens a database. It fails unless [Migrate] has brought the schema up to date.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	s := newStore(options)
	if err := s.connect(ctx, path, options); err != nil {
		return nil, errors.Join(explain(path, err), s.Close())
	}
	return s, nil
}

// newStore returns a store without connections.
func newStore(options Options) *Store {
	s := &Store{cache: newPrincipals(), failures: newFailures(options.clock())}
	s.hits, s.misses = newCacheMetrics()
	return s
}

func (s *Store) connect(ctx context.Context, name string, options Options) error {
	path, err := resolve(name)
	if err != nil {
		return err
	}
	if err := checkBeforeOpening(ctx, path, options.logger()); err != nil {
		return err
	}
	before, err := statFile(path, withTime)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no database at %s: run 'userapi serve' or 'userapi migrate' first", name)
	}
	if err != nil {
		return err
	}
	if err := checkSchema(ctx, readWrite(path)); err != nil {
		return err
	}
	if s.writer, err = openWriter(ctx, path, before, s.cache, options); err != nil {
		return err
	}
	return s.connectReaders(ctx, readOnly(path))
}

// checkBeforeOpening fails unless the database can be opened for writing without losing anything.
// It changes neither the file nor its log.
func checkBeforeOpening(ctx context.Context, path string, logger *slog.Logger) error {
	if err := checkPlace(path); err != nil {
		return err
	}
	if err := checkOwner(ctx, path); err != nil {
		return err
	}
	return checkLog(ctx, path, logger)
}

// connectReaders opens all connections that read.
func (s *Store) connectReaders(ctx context.Context, reading connector) (err error) {
	if s.readers, err = openConnections(ctx, reading, maxReaders()); err != nil {
		return err
	}
	if s.lists, err = reading.openFullPool(ctx, maxReaders()); err != nil {
		return err
	}
	if s.scans, err = reading.openFullPool(ctx, maxScans); err != nil {
		return err
	}
	if s.readSession, err = newSession(s.lists, s.readers); err != nil {
		return err
	}
	s.scanSession, err = newSession(s.scans, s.readers)
	return err
}

// Close commits the units in the queue and closes all connections. Closing the last one
// moves the log into the database file. Close fails if the file is lost, see guard.
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

// Ready returns nil if the database answers and can be written.
func (s *Store) Ready(ctx context.Context) (err error) {
	defer s.finishRead(&err)
	if s.writer != nil {
		if err := s.writer.ready(); err != nil {
			return err
		}
	}
	_, err = store.Exists(s.readSession.withContext(ctx).gorm.Model(&store.User{}))
	return err
}

// finishRead ends each exported method that reads: the method defers it. It translates the error,
// and refuses what was read if the files are known to be others than those that were opened.
func (s *Store) finishRead(err *error) {
	if s.writer != nil {
		if *err != nil && isDamage(*err) && !errors.Is(*err, sql.ErrNoRows) {
			s.writer.checkFiles()
		}
		if broken := s.writer.files.broken(); broken != nil {
			*err = &directory.Error{Code: directory.CodeUnavailable, Err: broken}
			return
		}
	}
	*err = translate(*err)
}
