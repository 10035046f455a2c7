package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// classSyntax is the class of errors of statements that do not suit the tables. Source: PostgreSQL 15, appendix A.
const classSyntax = "42"

// oldestServer is the first version of PostgreSQL that userapi works with.
const oldestServer = 14

// checkServer returns nil if the server and the database's encoding are ones that userapi works with, and
// the database can be written.
func checkServer(ctx context.Context, connection *pgx.Conn) *startFault {
	version := connection.PgConn().ParameterStatus("server_version")
	if digits := strings.IndexFunc(version+".", func(r rune) bool { return r < '0' || r > '9' }); digits > 0 {
		if major, err := strconv.Atoi(version[:digits]); err == nil && major < oldestServer {
			return newFault("the server is PostgreSQL "+version, fmt.Sprintf("use PostgreSQL %d or later", oldestServer))
		}
	}
	var standby, readOnly bool
	var encoding string
	err := connection.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', current_setting('server_encoding')`).
		Scan(&standby, &readOnly, &encoding)
	switch {
	case err != nil:
		return explainConnect(connection.Config(), err)
	case standby:
		return newFault("the server is a standby, which cannot be written", "name the primary, or all hosts, or promote it")
	case readOnly:
		return newFault("default_transaction_read_only is on, so that nothing can be written", "turn it off for the server, the database and the user")
	case encoding != "UTF8":
		return newFault("the database has the encoding "+encoding, "create one with ENCODING 'UTF8' TEMPLATE template0")
	}
	return nil
}

// schema is what the tables in a database say.
type schema struct {
	name    string // of the schema in which tables are created; "": there is none
	version int64  // 0: no migration has run
	goose   bool   // there is a table of goose
	ours    bool   // there are userapi's tables
	taken   bool   // there are tables with the names of userapi's
}

// readSchema reads what is there, and changes nothing. It fails if the tables are another program's, or
// are those of a newer userapi.
func readSchema(ctx context.Context, connection *pgx.Conn) (found schema, err error) {
	// The version comes first: if another process migrates at the same time, the tables are there when the
	// version says so.
	err = connection.QueryRow(ctx, `
		SELECT COALESCE(current_schema(), ''), to_regclass(quote_ident(current_schema()) || '.goose_db_version') IS NOT NULL`).Scan(&found.name, &found.goose)
	if err != nil {
		return found, err
	}
	if found.name == "" {
		return found, newFault("there is no schema that this user may use", "create the first one of search_path, or let its owner run GRANT USAGE ON SCHEMA")
	}
	another := newFault(fmt.Sprintf("the tables in its schema %q are another program's: nothing was changed", found.name), "use a database of its own for userapi")
	if found.goose {
		err = connection.QueryRow(ctx, `SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&found.version)
		failure, answered := errors.AsType[*pgconn.PgError](err)
		switch {
		case answered && failure.Code == insufficientPrivilege:
			return found, lacks("SELECT", "goose_db_version", connection.Config().User)
		case answered && !strings.HasPrefix(failure.Code, classSyntax):
			return found, err
		case err != nil:
			return found, another
		}
	}
	// Migration 1 has created these columns.
	err = connection.QueryRow(ctx, `
		WITH c AS (SELECT oid, relname FROM pg_class WHERE relnamespace = quote_ident($1)::regnamespace AND relname IN ('users', 'tokens', 'events'))
		SELECT EXISTS (SELECT FROM c), (SELECT count(*) = 3 FROM c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
			WHERE (c.relname, a.attname) IN (('users', 'nick_name_folded'), ('tokens', 'hash'), ('events', 'target_id')))`, found.name).
		Scan(&found.taken, &found.ours)
	if err != nil {
		return found, err
	}
	if !found.ours && (found.taken || found.version > 0) {
		return found, another
	}
	if !found.ours {
		if err := findHidden(ctx, connection, found.name); err != nil {
			return found, err
		}
	}
	if known := NewestSchema(); found.version > known {
		return found, newFault(fmt.Sprintf("the database has schema %d and this userapi knows %d", found.version, known), "run a newer userapi")
	}
	return found, nil
}

// findHidden fails if a later schema of search_path has the tables of userapi: somebody has created a
// schema that comes first, and a migration would make a second, empty directory there.
func findHidden(ctx context.Context, connection *pgx.Conn, first string) error {
	var hidden string
	err := connection.QueryRow(ctx, `
		SELECT COALESCE(min(relnamespace::regnamespace::text), '') FROM pg_class JOIN pg_attribute ON attrelid = oid AND NOT attisdropped
		WHERE relname = 'events' AND attname = 'target_id' AND relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])`).Scan(&hidden)
	if err != nil || hidden == "" {
		return err
	}
	return newFault(fmt.Sprintf("the tables of userapi are in schema %q, but schema %q, which is empty, comes first in search_path", hidden, first),
		fmt.Sprintf("drop schema %q, or set search_path for this user", first))
}

// NewestSchema returns the version of the schema that this program creates and needs.
func NewestSchema() (newest int64) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		panic("the migrations are not in the program")
	}
	newest, err = goose.NumericComponent(slices.Max(files))
	if err != nil {
		panic(err)
	}
	return newest
}

// tableRights are what a user needs on a table.
type tableRights struct{ table, rights string }

// rights are what a user needs on the tables.
var rights = []tableRights{
	{"users", "SELECT, INSERT, UPDATE, DELETE"},
	{"tokens", "SELECT, INSERT, UPDATE, DELETE"},
	{"events", "SELECT, INSERT"},
	{"recent_failures", "SELECT, INSERT, UPDATE, DELETE"},
}

// checkDatabase connects and fails, with one line for a person, unless a node can work with the database.
func checkDatabase(ctx context.Context, config *pgx.ConnConfig) error {
	return inspect(ctx, config, func(connection *pgx.Conn) error {
		found, err := readSchema(ctx, connection)
		if err != nil {
			return err
		}
		if newest := NewestSchema(); found.version < newest {
			return newFault(fmt.Sprintf("the database has schema %d and this userapi needs %d", found.version, newest), "run 'userapi migrate'")
		}
		return checkRights(ctx, connection, rights)
	})
}

// inspect calls do with a connection. Its error says what cannot be used, and why.
func inspect(ctx context.Context, config *pgx.ConnConfig, do func(*pgx.Conn) error) error {
	connection, err := connect(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // what it did has been committed
	if err := do(connection); err != nil {
		return describe(config, hostPort(connection.Config()), err)
	}
	return nil
}

// checkRights fails unless the user has these rights.
func checkRights(ctx context.Context, connection *pgx.Conn, rights []tableRights) error {
	for _, needed := range rights {
		for right := range strings.SplitSeq(needed.rights, ", ") {
			var has bool
			if err := connection.QueryRow(ctx, `SELECT has_table_privilege($1, $2)`, needed.table, right).Scan(&has); err != nil {
				return err
			}
			if !has {
				return lacks(needed.rights, needed.table, connection.Config().User)
			}
		}
	}
	return nil
}

func lacks(rights, table, user string) *startFault {
	return newFault(
		fmt.Sprintf("this user may not use the table %s", table),
		fmt.Sprintf("let its owner run GRANT %s ON %s TO %s", rights, table, pgx.Identifier{user}.Sanitize()),
	)
}

// checkMigration fails if the migrations cannot run. It changes nothing.
func checkMigration(ctx context.Context, connection *pgx.Conn, found schema) error {
	if found.ours && !found.goose {
		return newFault("userapi's tables are there without goose_db_version, which has their version: nothing was changed", "restore the whole database")
	}
	var create bool
	if err := connection.QueryRow(ctx, `SELECT has_schema_privilege($1, 'CREATE')`, found.name).Scan(&create); err != nil {
		return err
	}
	if !create {
		return newFault(
			fmt.Sprintf("this user may not create tables in schema %q", found.name),
			fmt.Sprintf("make the user the owner of the database, or let the owner run GRANT CREATE ON SCHEMA %s TO %s",
				pgx.Identifier{found.name}.Sanitize(), pgx.Identifier{connection.Config().User}.Sanitize()),
		)
	}
	return nil
}

// explainMigration says what to do about a migration that failed.
func explainMigration(err error) error {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok && failure.Code == insufficientPrivilege {
		return newFault("this user may not change the tables", "run 'userapi migrate' as the user that owns them")
	}
	return fmt.Errorf("migrate the database: %w", err)
}
