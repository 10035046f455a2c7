package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/mattn/go-sqlite3"

	_ "userapi/internal/store/needcgo" // explains a build without cgo
)

// connection is one connection to the file, with the statements that it has prepared. It
// does not go through database/sql, which takes about as long as the statements themselves.
// Only one goroutine may use it at a time.
type connection struct {
	driver     *sqlite3.SQLiteConn
	statements map[string]*sqlite3.SQLiteStmt
	arguments  []driver.NamedValue
	values     []driver.Value
}

// queryRow runs SQL that returns one row at most, and calls scan with its values. Scan must not
// keep the slice. If there is no row, queryRow returns [sql.ErrNoRows].
func (c *connection) queryRow(text string, scan func([]driver.Value) error, arguments ...driver.Value) (err error) {
	rows, err := c.firstStep(text, arguments)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, rows.Close()) }()
	for len(c.values) < len(rows.Columns()) {
		c.values = append(c.values, nil)
	}
	values := c.values[:len(rows.Columns())]
	defer clear(values)
	if err := rows.Next(values); errors.Is(err, io.EOF) {
		return sql.ErrNoRows
	} else if err != nil {
		return err
	}
	return scan(values)
}

// exec runs SQL that returns no rows.
func (c *connection) exec(text string, arguments ...driver.Value) error {
	rows, err := c.firstStep(text, arguments)
	if err != nil {
		return err
	}
	return rows.Close()
}

// firstStep runs a statement up to its first row. A statement that writes has then finished.
// firstStep runs it as a query, too: go-sqlite3 takes the first step of a query at once, with
// fewer calls into C than an execution needs.
func (c *connection) firstStep(text string, arguments []driver.Value) (driver.Rows, error) {
	statement, err := c.statement(text)
	if err != nil {
		return nil, err
	}
	c.arguments = c.arguments[:0]
	for i, argument := range arguments {
		c.arguments = append(c.arguments, driver.NamedValue{Ordinal: i + 1, Value: argument})
	}
	// These statements take microseconds. A context that can end would cost a goroutine.
	rows, err := statement.QueryContext(context.Background(), c.arguments)
	clear(c.arguments)
	return rows, err
}

func (c *connection) statement(text string) (*sqlite3.SQLiteStmt, error) {
	if statement := c.statements[text]; statement != nil {
		return statement, nil
	}
	prepared, err := c.driver.Prepare(text)
	if err != nil {
		return nil, err
	}
	statement := prepared.(*sqlite3.SQLiteStmt)
	c.statements[text] = statement
	return statement, nil
}

// close closes the statements first. If one stayed open, the WAL file would stay, too.
func (c *connection) close() error { return errors.Join(c.closeStatements(), c.driver.Close()) }

func (c *connection) closeStatements() error {
	var errs []error
	for _, statement := range c.statements {
		errs = append(errs, statement.Close())
	}
	clear(c.statements)
	return errors.Join(errs...)
}

// connections is a pool. A connection that is in use is not in the channel.
type connections chan *connection

func openConnections(ctx context.Context, from connector, number int) (connections, error) {
	pool := make(connections, number)
	for range number {
		c, err := from.openConnection(ctx)
		if err != nil {
			for range len(pool) {
				err = errors.Join(err, (<-pool).close())
			}
			return nil, err
		}
		pool <- c
	}
	return pool, nil
}

// use calls fn with a free connection. It waits for one if necessary.
func (pool connections) use(fn func(*connection) error) error {
	c, open := <-pool
	if !open {
		return sql.ErrConnDone
	}
	defer func() { pool <- c }()
	return fn(c)
}

// queryRow calls connection.queryRow on a free connection.
func (pool connections) queryRow(text string, scan func([]driver.Value) error, arguments ...driver.Value) error {
	return pool.use(func(c *connection) error { return c.queryRow(text, scan, arguments...) })
}

// exec calls connection.exec on a free connection.
func (pool connections) exec(text string, arguments ...driver.Value) error {
	return pool.use(func(c *connection) error { return c.exec(text, arguments...) })
}

// close waits for the connections that are in use.
func (pool connections) close() error {
	var errs []error
	for range cap(pool) {
		errs = append(errs, (<-pool).close())
	}
	close(pool)
	return errors.Join(errs...)
}
