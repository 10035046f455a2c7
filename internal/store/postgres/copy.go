package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	gormschema "gorm.io/gorm/schema"

	"userapi/internal/store"
)

// Source is a database as it was at one moment.
type Source interface {
	Size() store.Size
	// Users, Tokens and Events return all rows in the order of their numbers. An error ends them.
	Users() iter.Seq2[store.User, error]
	Tokens() iter.Seq2[store.Token, error]
	Events() iter.Seq2[store.Event, error]
	// Check is called after all rows have been read, and fails if the database has changed since.
	Check() error
}

// Progress is called now and then with what is being done, and how many rows of it are done.
type Progress func(step string, done, total int64)

// Copy fills an empty database with the rows of the source, and returns their digest. It brings the schema
// up to date first. Everything else is one transaction: if Copy fails, the tables are as empty as before. It
// commits only if the digest of what the database then holds is that of the source. It fails if anybody has
// the database open.
func Copy(ctx context.Context, address string, source Source, progress Progress) (digest string, err error) {
	config, err := parse(address)
	if err != nil {
		return "", err
	}
	for _, timeout := range []string{"idle_in_transaction_session_timeout", "statement_timeout"} {
		config.ConnConfig.RuntimeParams[timeout] = "0" // those of the user or of the database are for servers
	}
	c, err := connect(ctx, config.ConnConfig)
	if err != nil {
		return "", err
	}
	defer closeSession(c)
	if err := lockAlone(ctx, c); err != nil {
		return "", err
	}
	if err := checkEmpty(ctx, c); err != nil { // before its schema changes
		return "", err
	}
	if _, err := Migrate(ctx, address); err != nil {
		return "", err
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		return "", err
	}
	digest, err = (&filling{tx, source, progress}).run(ctx)
	if err != nil {
		_ = tx.Rollback(context.WithoutCancel(ctx)) // without a commit, nothing is kept
		return "", nothingCopied(err)
	}
	if err := tx.Commit(ctx); err != nil {
		if classify(err, true) != unknown {
			return "", nothingCopied(err)
		}
		return "", fmt.Errorf("nobody knows whether the copy is complete, because the server did not confirm it. Repeat the command: "+
			"if it then finds rows in the new database, the copy is complete (%w)", err)
	}
	return digest, nil
}

func nothingCopied(err error) error {
	return fmt.Errorf("nothing was copied, and the command can be repeated: %w", err)
}

// lockAlone takes the lock that everybody who has the database open shares.
func lockAlone(ctx context.Context, c *pgx.Conn) error {
	free := false
	if err := c.QueryRow(ctx, `SELECT pg_try_advisory_lock($1::int, 0)`, lockOpen).Scan(&free); err != nil {
		return err
	}
	if !free {
		return errors.New("userapi has the new database open: stop all servers and commands on it, and try again")
	}
	return nil
}

// checkEmpty fails if the database has rows.
func checkEmpty(ctx context.Context, c querier) error {
	for _, table := range tables {
		there, filled := false, false
		if err := c.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&there); err != nil {
			return err
		}
		if !there {
			continue
		}
		if err := c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+table+`)`).Scan(&filled); err != nil {
			return err
		}
		if filled {
			return fmt.Errorf("the new database is not empty, because its table %s has rows: name an empty one, which 'createdb' makes", table)
		}
	}
	return nil
}

// tables are the tables that are filled, in the order in which their rows refer to each other.
var tables = []string{"users", "tokens", "events"}

// filling is the transaction of one Copy.
type filling struct {
	pgx.Tx
	source   Source
	progress Progress
}

// run fills the tables, and returns the digest of what they then hold.
func (f *filling) run(ctx context.Context) (digest string, err error) {
	if _, err := f.Exec(ctx, `LOCK TABLE `+strings.Join(tables, ", ")+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		if failure, answered := errors.AsType[*pgconn.PgError](err); answered && failure.Code == lockNotAvailable {
			err = errors.New("another session uses the tables of the new database, for example one of psql: end it")
		}
		return "", err
	}
	if err := checkEmpty(ctx, f); err != nil {
		return "", err
	}
	size, copied := f.source.Size(), store.NewDigest()
	if err := fillTable(ctx, f, f.source.Users(), size.Users, copied); err != nil {
		return "", err
	}
	if err := fillTable(ctx, f, f.source.Tokens(), size.Tokens, copied); err != nil {
		return "", err
	}
	if err := fillTable(ctx, f, f.source.Events(), size.Events, copied); err != nil {
		return "", err
	}
	copied.Add(&size)
	if err := f.setLast(ctx, size); err != nil {
		return "", err
	}
	f.progress("analyzing", 0, 0)
	if _, err := f.Exec(ctx, `ANALYZE `+strings.Join(tables, ", ")); err != nil { // so that the first lists are planned well
		return "", err
	}
	if digest, err = f.digest(ctx, size); err != nil {
		return "", err
	}
	if digest != copied.Sum() {
		return "", fmt.Errorf("the copy differs from its source: its digest is %s instead of %s. Something in the new database, for example a trigger, changes rows", digest, copied.Sum())
	}
	return digest, f.source.Check()
}

// setLast makes the next number of each table higher than each number that was ever given.
func (f *filling) setLast(ctx context.Context, size store.Size) error {
	_, err := f.Exec(ctx, `SELECT setval(pg_get_serial_sequence(name, 'id'), greatest(last, 1), last > 0)
		FROM unnest($1::text[], $2::bigint[]) AS v (name, last)`, tables, []int64{size.LastUser, size.LastToken, size.LastEvent})
	return err
}

// digest returns the digest of what the database holds. The size is for the progress only.
func (f *filling) digest(ctx context.Context, size store.Size) (string, error) {
	digest, found := store.NewDigest(), store.Size{}
	var err error
	if found.Users, err = digestTable[store.User](ctx, f, size.Users, digest); err != nil {
		return "", err
	}
	if found.Tokens, err = digestTable[store.Token](ctx, f, size.Tokens, digest); err != nil {
		return "", err
	}
	if found.Events, err = digestTable[store.Event](ctx, f, size.Events, digest); err != nil {
		return "", err
	}
	for table, last := range map[string]*int64{"users": &found.LastUser, "tokens": &found.LastToken, "events": &found.LastEvent} {
		err := f.QueryRow(ctx, `SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0)`, table).Scan(last)
		if err != nil {
			return "", err
		}
	}
	digest.Add(&found)
	return digest.Sum(), nil
}

// progressRows is how many rows there are between two calls of Progress.
const progressRows = 1000

// fillTable adds the rows to their table and to the digest.
func fillTable[Row any](ctx context.Context, f *filling, rows iter.Seq2[Row, error], total int64, digest *store.Digest) error {
	t := newTable[Row]()
	next, stop := iter.Pull2(rows)
	defer stop()
	done := int64(0)
	count, err := f.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, err, more := next()
		if err != nil || !more {
			return nil, err
		}
		if done++; done%progressRows == 0 {
			f.progress("copying "+t.name, done, total)
		}
		digest.Add(&row)
		return t.values(&row), nil
	}))
	stop()
	if err != nil {
		return explainRow(err, t.name, rows)
	}
	if count != total {
		return fmt.Errorf("%d rows of the table %s were copied instead of %d", count, t.name, total)
	}
	return nil
}

// digestTable adds the rows of a table to the digest, and returns their number.
func digestTable[Row any](ctx context.Context, f *filling, total int64, digest *store.Digest) (count int64, err error) {
	t := newTable[Row]()
	rows, err := f.Query(ctx, `SELECT `+strings.Join(t.columns, ", ")+` FROM `+t.name+` ORDER BY id`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var row Row
		if err := rows.Scan(t.fields(&row)...); err != nil {
			return 0, err
		}
		digest.Add(&row)
		if count++; count%progressRows == 0 {
			f.progress("comparing "+t.name, count, total)
		}
	}
	return count, rows.Err()
}

// table has the name of a table and its columns, in the order of Row's fields.
type table[Row any] struct {
	name    string
	columns []string
}

// newTable returns the table of a model.
func newTable[Row any]() table[Row] {
	model, err := gormschema.Parse(new(Row), &sync.Map{}, gormschema.NamingStrategy{})
	if err != nil {
		panic(err) // the models do not change at run time
	}
	return table[Row]{model.Table, model.DBNames}
}

// values returns the values of the columns. A nil pointer is NULL.
func (t table[Row]) values(row *Row) []any {
	fields, values := reflect.ValueOf(row).Elem(), make([]any, len(t.columns))
	for i := range values {
		values[i] = fields.Field(i).Interface()
	}
	return values
}

// fields returns where to scan the columns to.
func (t table[Row]) fields(row *Row) []any {
	fields, pointers := reflect.ValueOf(row).Elem(), make([]any, len(t.columns))
	for i := range pointers {
		pointers[i] = fields.Field(i).Addr().Interface()
	}
	return pointers
}

// The classes of errors that a row is at fault for. Source: PostgreSQL 15, appendix A.
const (
	classData       = "22"
	classConstraint = "23"
)

// copyLine finds the number of a row in the context of an error, in whatever language the server writes it.
var copyLine = regexp.MustCompile(`^COPY [a-z]+, [^0-9:]*([0-9]+)`)

// explainRow says which row PostgreSQL has refused, and never its values.
func explainRow[Row any](err error, table string, rows iter.Seq2[Row, error]) error {
	failure, answered := errors.AsType[*pgconn.PgError](err)
	if !answered || !strings.HasPrefix(failure.Code, classData) && !strings.HasPrefix(failure.Code, classConstraint) {
		return err
	}
	which := "a row"
	if found := copyLine.FindStringSubmatch(failure.Where); found != nil {
		line, _ := strconv.Atoi(found[1])
		for row, err := range rows {
			if line--; err == nil && line == 0 {
				which = fmt.Sprintf("row %d", reflect.ValueOf(row).FieldByName("ID").Int())
				break
			}
		}
	}
	reason := "SQLSTATE " + failure.Code
	if failure.ConstraintName != "" {
		reason = "constraint " + failure.ConstraintName + ", " + reason
	}
	return fmt.Errorf("PostgreSQL refuses %s of the table %s (%s)", which, table, reason)
}
