package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// busyTimeout is how long a write waits for another process that writes.
const busyTimeout = 2 * time.Second

// SQLitePath returns the file that a database setting names: PATH or sqlite:PATH.
func SQLitePath(database string) (string, error) {
	path, named := strings.CutPrefix(database, "sqlite:")
	switch {
	case !named && strings.Contains(path, "://"):
		return "", errors.New("only SQLite is there: name a file, as in userapi.db or sqlite:userapi.db")
	case path == "", strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		return "", errors.New("name a file, as in userapi.db or sqlite:userapi.db")
	}
	return filepath.Clean(path), nil
}

// access is how a connection may use the file.
type access struct {
	parameters url.Values
	pragmas    map[string]string // what must be in force afterwards
}

// The driver ignores what it does not know and has defaults of its own: every
// setting that matters is written here and read back.
func readWrite() access {
	return access{
		parameters: url.Values{
			"mode":             {"rw"},
			"_journal_mode":    {"WAL"},
			"_synchronous":     {"FULL"},
			"_foreign_keys":    {"1"},
			"_busy_timeout":    {fmt.Sprint(busyTimeout.Milliseconds())},
			"_txlock":          {"immediate"},
			"_stmt_cache_size": {"32"},
		},
		pragmas: map[string]string{
			"journal_mode": "wal",
			"synchronous":  "2",
			"foreign_keys": "1",
			"busy_timeout": fmt.Sprint(busyTimeout.Milliseconds()),
		},
	}
}

func readOnly() access {
	return access{
		parameters: url.Values{
			"mode":             {"ro"},
			"_query_only":      {"1"},
			"_busy_timeout":    {fmt.Sprint(busyTimeout.Milliseconds())},
			"_txlock":          {"deferred"},
			"_stmt_cache_size": {"32"},
		},
		pragmas: map[string]string{"journal_mode": "wal", "query_only": "1"},
	}
}

// connect opens at most this many connections to an existing file and reads their
// settings back.
func connect(ctx context.Context, path string, a access, connections int) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + a.parameters.Encode()
	pool, err := sql.Open(sqlite.DriverName, dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	for pragma, want := range a.pragmas {
		var got string
		if err := pool.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), pool.Close())
		}
		if got != want {
			err := fmt.Errorf("open %s: PRAGMA %s is %s, not %s: the database cannot be used safely", path, pragma, got, want)
			return nil, errors.Join(err, pool.Close())
		}
	}
	return pool, nil
}

// model gives access to the rows through connections.
func model(connections gorm.ConnPool) (*gorm.DB, error) {
	return gorm.Open(sqlite.New(sqlite.Config{Conn: connections}), &gorm.Config{
		// Errors are returned; a log of statements would hold values.
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		QueryFields:            true, // never *: the order of columns is that of the fields
	})
}

// readers is how many connections read at once.
func readers() int { return max(4, 2*runtime.GOMAXPROCS(0)) }
