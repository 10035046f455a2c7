package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// busyTimeout is how long a statement waits while another process holds the lock.
const busyTimeout = 2 * time.Second

// Path returns the path in a database setting, which is PATH or sqlite:PATH.
func Path(database string) (string, error) {
	path, named := strings.CutPrefix(database, "sqlite:")
	switch {
	case !named && (strings.Contains(path, "://") || otherDatabase.MatchString(path)):
		return "", errors.New("use postgres://USER@HOST/DATABASE, or name a file, for example userapi.db or sqlite:userapi.db")
	case path == "", strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		return "", errors.New("name a file, for example userapi.db or sqlite:userapi.db")
	}
	return filepath.Clean(path), nil
}

// otherDatabase finds what is meant for another database, and may have a password, which would be a part of the
// file's name: other spellings of PostgreSQL's addresses.
var otherDatabase = regexp.MustCompile(`(?i)^postgres(ql)?:|(^|\s)(host|hostaddr|port|dbname|user|password|service)\s*=`)

// connector opens connections to an existing file. It is a [driver.Connector].
type connector struct {
	path       string
	parameters url.Values
	settings   []string          // statements, for settings that the driver has no parameter for
	pragmas    map[string]string // the values that each must have afterwards
}

// maxIdleLog is how long a log stays, in bytes, after a reader has let it grow: the commit that
// begins it anew cuts the rest.
const maxIdleLog = 20 << 20

// readWrite returns the settings of connections that write. The driver ignores unknown
// parameters and has its own defaults, so each setting that matters is set here and read back.
func readWrite(path string) connector {
	return connector{
		path: path,
		parameters: url.Values{
			"mode":             {"rw"},
			"_journal_mode":    {"WAL"},
			"_synchronous":     {"FULL"},
			"_foreign_keys":    {"1"},
			"_busy_timeout":    {fmt.Sprint(busyTimeout.Milliseconds())},
			"_txlock":          {"immediate"},
			"_stmt_cache_size": {"32"},
			"_mutex":           {"no"},
		},
		settings: []string{
			"PRAGMA wal_autocheckpoint = 0", // the writer runs checkpoints itself, because SQLite tells nobody when one fails
			fmt.Sprintf("PRAGMA journal_size_limit = %d", maxIdleLog),
		},
		pragmas: map[string]string{
			"journal_mode":       "wal",
			"synchronous":        "2",
			"foreign_keys":       "1",
			"busy_timeout":       fmt.Sprint(busyTimeout.Milliseconds()),
			"wal_autocheckpoint": "0",
			"journal_size_limit": fmt.Sprint(maxIdleLog),
		},
	}
}

// readOnly returns the settings of connections that read.
func readOnly(path string) connector {
	return connector{
		path: path,
		parameters: url.Values{
			"mode":             {"ro"},
			"_query_only":      {"1"},
			"_busy_timeout":    {fmt.Sprint(busyTimeout.Milliseconds())},
			"_txlock":          {"deferred"},
			"_stmt_cache_size": {"32"},
			"_mutex":           {"no"},
		},
		pragmas: map[string]string{"journal_mode": "wal", "query_only": "1"},
	}
}

// Driver implements [driver.Connector].
func (connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// Connect implements [driver.Connector].
func (from connector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := from.openConnection(ctx)
	if err != nil {
		return nil, err
	}
	return c.driver, c.closeStatements()
}

// openConnection opens a connection. It fails unless the PRAGMAs have the wanted values.
func (from connector) openConnection(ctx context.Context) (*connection, error) {
	dsn := "file:" + escapePath(from.path) + "?" + from.parameters.Encode()
	opened, err := from.Driver().Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", from.path, err)
	}
	c := &connection{driver: opened.(*sqlite3.SQLiteConn), statements: map[string]*sqlite3.SQLiteStmt{}}
	for _, setting := range from.settings {
		if err := c.exec(setting); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", from.path, err), c.close())
		}
	}
	for pragma, want := range from.pragmas {
		got := ""
		err := ctx.Err()
		if err == nil {
			err = c.queryRow("PRAGMA "+pragma, func(values []driver.Value) error {
				got = fmt.Sprint(values[0])
				return nil
			})
		}
		if err == nil && got != want {
			err = fmt.Errorf("PRAGMA %s is %s, not %s: the database cannot be used safely", pragma, got, want)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", from.path, err), c.close())
		}
	}
	return c, nil
}

// escapePath returns the path as a URI has it (https://www.sqlite.org/uri.html). It contains no quotes.
func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// openPool returns a pool that opens connections when they are needed, at most this many.
func (from connector) openPool(connections int) *sql.DB {
	pool := sql.OpenDB(from)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// openFullPool is openPool with all connections opened already, and never closed before the pool. A
// server with many clients may have no file descriptor left later.
func (from connector) openFullPool(ctx context.Context, connections int) (*sql.DB, error) {
	pool := from.openPool(connections)
	for range connections {
		c, err := pool.Conn(ctx)
		if err != nil {
			return nil, errors.Join(err, pool.Close())
		}
		defer func() { _ = c.Close() }() // it goes back to the pool
	}
	return pool, nil
}

// openGORM returns GORM on the connections.
func openGORM(connections gorm.ConnPool) (*gorm.DB, error) {
	return gorm.Open(sqlite.New(sqlite.Config{Conn: connections}), &gorm.Config{
		// Errors are returned, and a log of statements would contain values.
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		QueryFields:            true, // name the columns instead of *
	})
}

// maxReaders is the size of the pool of the prepared path, and of the pool for lists.
func maxReaders() int { return max(4, 2*runtime.GOMAXPROCS(0)) }
