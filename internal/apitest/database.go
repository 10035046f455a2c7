package apitest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// Database reads and changes the database behind the server's back, like another process. When a method returns, the server has seen the change.
type Database struct {
	sql     *sql.DB
	store   directory.Store // the server's own
	dialect dialect
}

// Row is what the database holds of a user.
type Row struct {
	ID           directory.UserID
	Version      int64
	EnterpriseID string
	Role         directory.Role
	PasswordHash string // "": NULL
	Email        string // "": NULL
	Phone        string
	IsActive     *bool // nil: NULL
}

// Rows returns all users, in the order of their numbers.
func (db *Database) Rows(t testing.TB) []Row {
	t.Helper()
	return readRows(t, db, func(rows *sql.Rows) (row Row, err error) {
		var active sql.NullBool
		err = rows.Scan(&row.ID, &row.Version, &row.EnterpriseID, &row.Role, &row.PasswordHash, &row.Email, &row.Phone, &active)
		if active.Valid {
			row.IsActive = &active.Bool
		}
		return row, err
	}, `SELECT id, version, enterprise_id, role, COALESCE(password_hash, ''), COALESCE(email, ''), phone, is_active FROM users ORDER BY id`)
}

// Row returns one user. It fails the test if the user does not exist.
func (db *Database) Row(t testing.TB, p Person) Row {
	t.Helper()
	rows := db.Rows(t)
	found := slices.IndexFunc(rows, func(row Row) bool { return row.ID == p.ID })
	require.GreaterOrEqual(t, found, 0, "there is no user %d", p.ID)
	return rows[found]
}

// TokensOf returns the tokens of a user that are of one of these kinds, or all of them if
// no kind is named, in the order of their numbers.
func (db *Database) TokensOf(t testing.TB, p Person, kinds ...directory.TokenKind) []directory.Token {
	t.Helper()
	tokens := readRows(t, db, func(rows *sql.Rows) (token directory.Token, err error) {
		var created int64
		var expires sql.NullInt64
		err = rows.Scan(&token.ID, &token.UserID, &token.Name, &token.Kind, &created, &expires)
		token.Created = time.UnixMicro(created).UTC()
		if expires.Valid {
			token.Expires = time.UnixMicro(expires.Int64).UTC()
		}
		return token, err
	}, `SELECT id, user_id, name, kind, created, expires FROM tokens WHERE user_id = $1 ORDER BY id`, p.ID)
	return slices.DeleteFunc(tokens, func(token directory.Token) bool {
		return len(kinds) > 0 && !slices.Contains(kinds, token.Kind)
	})
}

// TokenHashes returns what the database holds instead of the tokens.
func (db *Database) TokenHashes(t testing.TB) [][]byte {
	t.Helper()
	return readRows(t, db, func(rows *sql.Rows) (hash []byte, err error) {
		err = rows.Scan(&hash)
		return hash, err
	}, `SELECT hash FROM tokens ORDER BY id`)
}

// Events returns all events of the audit, in the order of their numbers.
func (db *Database) Events(t testing.TB) []directory.Event {
	t.Helper()
	return readRows(t, db, func(rows *sql.Rows) (event directory.Event, err error) {
		var at int64
		var actor *directory.UserID
		var fields string
		err = rows.Scan(&event.ID, &at, &actor, &event.TokenName, &event.TargetID, &event.EnterpriseID,
			&event.Operation, &fields, &event.RequestID)
		event.At = time.UnixMicro(at).UTC()
		if actor != nil {
			event.ActorID = *actor
			require.NotZero(t, *actor, "an event without an actor has NULL")
		}
		for field := range strings.SplitSeq(fields, ",") {
			if field != "" {
				event.Fields = append(event.Fields, directory.Field(field))
			}
		}
		return event, err
	}, `SELECT id, at, actor_id, token_name, target_id, enterprise_id, operation, fields, request_id FROM events ORDER BY id`)
}

// State returns all columns of all users, tokens and events as text. If it is the same
// before and after a request, the request has changed nothing.
func (db *Database) State(t testing.TB) string {
	t.Helper()
	var state strings.Builder
	for _, table := range []string{"users", "tokens", "events"} {
		for _, row := range readRows(t, db, readText, `SELECT * FROM `+table+` ORDER BY id`) {
			fmt.Fprintln(&state, table, row)
		}
	}
	return state.String()
}

// SetActive changes is_active of a user; nil is NULL.
func (db *Database) SetActive(t testing.TB, p Person, active *bool) {
	t.Helper()
	db.exec(t, `UPDATE users SET is_active = $1 WHERE id = $2`, active, p.ID)
}

// SetRole changes the role of a user.
func (db *Database) SetRole(t testing.TB, p Person, role directory.Role) {
	t.Helper()
	db.exec(t, `UPDATE users SET role = $1 WHERE id = $2`, role, p.ID)
}

// SetEnterprise moves a user to another enterprise and keeps the role.
func (db *Database) SetEnterprise(t testing.TB, p Person, enterprise string) {
	t.Helper()
	db.exec(t, `UPDATE users SET enterprise_id = $1 WHERE id = $2`, enterprise, p.ID)
}

// SetNickName changes the name of a user to one that an older version has stored, which kept
// names apart by width.
func (db *Database) SetNickName(t testing.TB, p Person, name string) {
	t.Helper()
	db.exec(t, `UPDATE users SET nick_name = $1, nick_name_folded = $2 WHERE id = $3`, name, directory.FoldCase(name), p.ID)
}

// SetContact changes the phone and the e-mail address of a user.
func (db *Database) SetContact(t testing.TB, p Person, phone, email string) {
	t.Helper()
	db.exec(t, `UPDATE users SET phone = $1, email = $2 WHERE id = $3`, phone, email, p.ID)
}

// SetPasswordHash changes the password of a user; "" is NULL.
func (db *Database) SetPasswordHash(t testing.TB, p Person, hash string) {
	t.Helper()
	db.exec(t, `UPDATE users SET password_hash = NULLIF($1, '') WHERE id = $2`, hash, p.ID)
}

// RaiseVersion adds 1 to the version of a user.
func (db *Database) RaiseVersion(t testing.TB, p Person) {
	t.Helper()
	db.exec(t, `UPDATE users SET version = version + 1 WHERE id = $1`, p.ID)
}

// DeleteUser deletes a user and the user's tokens.
func (db *Database) DeleteUser(t testing.TB, p Person) {
	t.Helper()
	db.exec(t, `DELETE FROM users WHERE id = $1`, p.ID)
}

// DeleteTokens deletes all tokens of a user.
func (db *Database) DeleteTokens(t testing.TB, p Person) {
	t.Helper()
	db.exec(t, `DELETE FROM tokens WHERE user_id = $1`, p.ID)
}

// ExpireTokens sets the expiry of all tokens of a user to 1970.
func (db *Database) ExpireTokens(t testing.TB, p Person) {
	t.Helper()
	db.exec(t, `UPDATE tokens SET expires = 1 WHERE user_id = $1`, p.ID)
}

// SetTokenKind changes the kind of all tokens of a user and sets their creation to 1970.
func (db *Database) SetTokenKind(t testing.TB, p Person, kind directory.TokenKind) {
	t.Helper()
	db.exec(t, `UPDATE tokens SET kind = $1, created = 0 WHERE user_id = $2`, kind, p.ID)
}

// readRows runs a query and calls read for each row.
func readRows[Row any](t testing.TB, db *Database, read func(*sql.Rows) (Row, error), statement string, args ...any) []Row {
	t.Helper()
	rows, err := db.sql.QueryContext(t.Context(), statement, args...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	all := []Row{}
	for rows.Next() {
		row, err := read(rows)
		require.NoError(t, err)
		all = append(all, row)
	}
	require.NoError(t, rows.Err())
	return all
}

// readText returns the names and the values of the columns of a row.
func readText(rows *sql.Rows) (string, error) {
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	err = rows.Scan(pointers...)
	return fmt.Sprintf("%q %#v", columns, values), err
}

// exec runs a statement in a transaction of its own.
func (db *Database) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	db.write(t, func(exec func(statement string, args ...any)) { exec(statement, args...) })
}

// write runs statements in one transaction, and lets the server see it.
func (db *Database) write(t testing.TB, statements func(exec func(statement string, args ...any))) {
	t.Helper()
	tx, err := db.sql.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	statements(func(statement string, args ...any) {
		t.Helper()
		_, err := tx.ExecContext(t.Context(), statement, args...)
		require.NoError(t, err)
	})
	require.NoError(t, tx.Commit())
	// The server notices changes of other processes when it writes, so make it run an empty write.
	_, err = db.store.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
		return directory.Change{}, nil
	})
	require.NoError(t, err)
}
