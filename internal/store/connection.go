package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/mattn/go-sqlite3"
)

// connection is one connection to the file, with the statements that it has prepared.
// They are run past database/sql, which takes about as long as they do. It is for one
// goroutine at a time.
type connection struct {
	driver     *sqlite3.SQLiteConn
	statements map[string]*sqlite3.SQLiteStmt
	arguments  []driver.NamedValue
	values     []driver.Value
}

// queryRow runs SQL that returns one row at most and gives it to scan, which must not keep
// the slice. sql.ErrNoRows: there is none.
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

// firstStep takes the first step of a statement, which is the only one if it writes. To the
// driver it is a query, also if it writes: go-sqlite3 takes the first step of a query at
// once, and needs fewer calls of C for it than for an execution.
func (c *connection) firstStep(text string, arguments []driver.Value) (driver.Rows, error) {
	statement, err := c.statement(text)
	if err != nil {
		return nil, err
	}
	c.arguments = c.arguments[:0]
	for i, argument := range arguments {
		c.arguments = append(c.arguments, driver.NamedValue{Ordinal: i + 1, Value: argument})
	}
	// A context that can end would cost a goroutine: what runs here takes microseconds.
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

// close ends the statements first: one that is left would keep the WAL's file.
func (c *connection) close() error { return errors.Join(c.closeStatements(), c.driver.Close()) }

func (c *connection) closeStatements() error {
	var errs []error
	for _, statement := range c.statements {
		errs = append(errs, statement.Close())
	}
	clear(c.statements)
	return errors.Join(errs...)
}

// connections are as many as may read at once.
type connections chan *connection

// openConnections opens this many.
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

// use has one of them used, as soon as one is free.
func (pool connections) use(fn func(*connection) error) error {
	c, open := <-pool
	if !open {
		return sql.ErrConnDone
	}
	defer func() { pool <- c }()
	return fn(c)
}

// queryRow is connection.queryRow on one of them.
func (pool connections) queryRow(text string, scan func([]driver.Value) error, arguments ...driver.Value) error {
	return pool.use(func(c *connection) error { return c.queryRow(text, scan, arguments...) })
}

// exec is connection.exec on one of them.
func (pool connections) exec(text string, arguments ...driver.Value) error {
	return pool.use(func(c *connection) error { return c.exec(text, arguments...) })
}

// close waits for those that are in use.
func (pool connections) close() error {
	var errs []error
	for range cap(pool) {
		errs = append(errs, (<-pool).close())
	}
	close(pool)
	return errors.Join(errs...)
}
