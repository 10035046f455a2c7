package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"userapi/internal/store"
)

// Snapshot is a database as it was at one moment. Nobody may start on the file, migrate or replace it
// while the snapshot is open.
type Snapshot struct {
	path       string
	file       *os.File // locked; nil: not open
	connection *connection
	removeLog  func()
	version    int64 // SQLite's data_version
	size       store.Size
}

// OpenSnapshot opens a database. It fails if another process has it open, or unless the schema is that
// of this program. It does not change the database.
func OpenSnapshot(ctx context.Context, path string) (*Snapshot, error) {
	s := &Snapshot{path: path, removeLog: func() {}}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(explain(path, err), s.Close())
	}
	return s, nil
}

func (s *Snapshot) open(ctx context.Context) error {
	resolved, err := regularFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no database at %s", s.path)
	}
	if err != nil {
		return err
	}
	if s.file, err = os.Open(resolved); err != nil {
		return err
	}
	if err := lockUnused(s.file, s.path); err != nil {
		return err
	}
	from, err := backupSource(ctx, s.path)
	if err != nil {
		return err
	}
	s.removeLog = removeEmptyLog(ctx, from.path)
	if err := checkNewestSchema(ctx, from, s.path); err != nil {
		return fmt.Errorf("%s cannot be copied: %w", s.path, err)
	}
	if s.connection, err = from.openConnection(ctx); err != nil {
		return err
	}
	if err := s.connection.exec("BEGIN"); err != nil {
		return err
	}
	if s.version, err = queryInt(s.connection, "PRAGMA data_version"); err != nil {
		return err
	}
	return s.connection.queryRow(selectSize, func(values []driver.Value) error {
		for i, number := range []*int64{&s.size.Users, &s.size.Tokens, &s.size.Events, &s.size.LastUser, &s.size.LastToken, &s.size.LastEvent} {
			*number = values[i].(int64)
		}
		return nil
	})
}

// selectSize selects the fields of a size. The table sqlite_sequence has a row for each table to which a row
// was ever added.
const selectSize = `SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM tokens), (SELECT COUNT(*) FROM events),
	coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 1),
	coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'tokens'), 0),
	coalesce((SELECT max(id) FROM events), 0)`

// checkNewestSchema fails unless the database has the schema of this program.
func checkNewestSchema(ctx context.Context, from connector, path string) (err error) {
	db := from.openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := schemaOf(ctx, db); err != nil {
		return err
	}
	provider, current, err := readSchema(ctx, db)
	if err != nil {
		return err
	}
	pending, err := provider.HasPending(ctx)
	if err == nil && pending {
		err = fmt.Errorf("it has schema %d, which is older than this userapi: run 'userapi migrate --database=%s'", current, path)
	}
	return err
}

// Size returns how much the database holds.
func (s *Snapshot) Size() store.Size { return s.size }

// Users returns all users in the order of their numbers. An error ends them.
func (s *Snapshot) Users() iter.Seq2[store.User, error] { return eachRow(s.connection, userTable) }

// Tokens returns all tokens in the order of their numbers. An error ends them.
func (s *Snapshot) Tokens() iter.Seq2[store.Token, error] { return eachRow(s.connection, tokenTable) }

// Events returns all events in the order of their numbers. An error ends them.
func (s *Snapshot) Events() iter.Seq2[store.Event, error] { return eachRow(s.connection, eventTable) }

// eachRow returns the rows of a table in the order of their numbers.
func eachRow[Row any](c *connection, t *table[Row]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var row Row
		rows, err := c.firstStep("SELECT "+t.selectList(t.all())+" FROM "+t.name+" ORDER BY id", nil)
		if err != nil {
			yield(row, err)
			return
		}
		defer func() { _ = rows.Close() }() // it was read to its end, or an error was returned
		values := make([]driver.Value, len(t.columns))
		for {
			if err = rows.Next(values); errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				row = *new(Row)
				if _, err = t.scan(t.all(), &row, values); err != nil {
					err = fmt.Errorf("row %v of the table %s: %w", values[t.index("id")], t.name, err)
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Check fails if another process has changed the database since the snapshot was opened. After it, the
// snapshot has no more rows.
func (s *Snapshot) Check() error {
	if err := s.connection.exec("COMMIT"); err != nil {
		return err
	}
	version, err := queryInt(s.connection, "PRAGMA data_version")
	if err == nil && version != s.version {
		err = fmt.Errorf("%s was changed while it was copied: stop everything that uses it first", s.path)
	}
	return err
}

// Close closes the file, which is as it was before.
func (s *Snapshot) Close() error {
	var errs []error
	if s.connection != nil {
		errs = append(errs, s.connection.close())
	}
	s.removeLog()
	if s.file != nil {
		errs = append(errs, s.file.Close()) // after the connections: it drops SQLite's locks of the process
	}
	return errors.Join(errs...)
}
