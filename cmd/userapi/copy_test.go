package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"userapi/internal/store/storetest"
)

// get returns the ETag and the body of an answer.
func (s *server) get(t *testing.T, token, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := s.client.Do(request)
	require.NoError(t, err)
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode, string(content))
	return response.Header.Get("ETag") + " " + string(content)
}

// logIn returns a log-in token.
func (s *server) logIn(t *testing.T, name string) string {
	t.Helper()
	status, answer := s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":%q,"password":"correct horse"}`, name))
	require.Equal(t, 200, status, answer)
	var given struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(answer), &given))
	return given.Token
}

// openPostgres opens a database of a test.
func openPostgres(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func runSQL(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// requireEmpty fails if anything is in the database.
func requireEmpty(t *testing.T, target *sql.DB) {
	t.Helper()
	rows := 0
	require.NoError(t, target.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM tokens) + (SELECT count(*) FROM events)`).Scan(&rows))
	require.Zero(t, rows)
}

// copyTo copies userapi.db in dir.
func copyTo(t *testing.T, dir, address string) (stdout, stderr string, status int) {
	t.Helper()
	return runCommand(t, dir, []string{"USERAPI_DATABASE=" + address}, "copy", "--from=sqlite:userapi.db")
}

// requireCopied copies userapi.db in dir, and fails unless this succeeds.
func requireCopied(t *testing.T, dir, address string) string {
	t.Helper()
	stdout, stderr, code := copyTo(t, dir, address)
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	return stdout
}

// Everything moves: tokens and passwords work, ETags and the audit are the same, and numbers go on. The source
// is a database that a killed server has left, and it does not change.
func TestCopyToPostgresMovesEverything(t *testing.T) {
	dir, address := t.TempDir(), storetest.NewEmptyPostgres(t)
	operator := "USERAPI_ADMIN_TOKEN=" + strings.Repeat("operator", 4)
	s := startServer(t, dir, []string{operator})
	admin := strings.Repeat("operator", 4)
	send := func(s *server, status int, token, method, path, body string) string {
		t.Helper()
		got, answer := s.sendRequest(t, token, method, path, body)
		require.Equal(t, status, got, answer)
		return answer
	}
	send(s, 201, admin, "POST", "/openapi/v1/users", adaBody)
	send(s, 201, admin, "POST", "/openapi/v1/users", `{"nick_name":"Bürö","password":"correct horse","enterprise_id":"e","email":"B@Example.com","phone":"STRAẞE 1"}`)
	send(s, 201, admin, "POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", "gone", 1))
	send(s, 204, admin, "DELETE", "/openapi/v1/users/4", "")
	send(s, 200, admin, "PUT", "/openapi/v1/users/2", `{"phone":"1","is_active":true}`)
	send(s, 200, admin, "PUT", "/openapi/v1/users/3", `{"is_active":null}`)
	login := s.logIn(t, "default/ada")
	made, stderr, code := runCommand(t, dir, nil, "token", "create", "--user=2", "--name=robot", "--expires-in=720h")
	require.Zero(t, code, stderr)
	made = strings.TrimSpace(made)
	paths := []string{"/openapi/v1/users/1", "/openapi/v1/users/2", "/openapi/v1/users/3", "/openapi/v1/users", "/openapi/v1/users?query=stra%C3%9Fe"}
	for user := 1; user <= 4; user++ {
		paths = append(paths, fmt.Sprintf("/openapi/v1/users/%d/audit", user))
	}
	var before []string
	for _, path := range paths {
		before = append(before, s.get(t, admin, path))
	}
	require.NoError(t, s.cmd.Process.Kill())
	<-s.logEnded
	require.Error(t, s.cmd.Wait())
	files := readFiles(t, dir)
	require.NotEmpty(t, files["userapi.db-wal"])

	stdout := requireCopied(t, dir, address)
	require.Regexp(t, `^userapi.db was copied to postgres://\S+: 3 users, 3 tokens, 10 events
the next user gets the number 5
SHA-256 of the rows in each of the two: [0-9a-f]{64}
$`, stdout)
	require.Equal(t, files["userapi.db"], readFiles(t, dir)["userapi.db"])
	require.Equal(t, files["userapi.db-wal"], readFiles(t, dir)["userapi.db-wal"])
	onPostgres := []string{"USERAPI_DATABASE=" + address, operator}
	for _, list := range []string{"token list", "audit", "user list"} {
		want, _, code := runCommand(t, dir, nil, strings.Fields(list)...)
		require.Zero(t, code)
		got, _, code := runCommand(t, dir, onPostgres[:1], strings.Fields(list)...)
		require.Zero(t, code)
		require.Equal(t, want, got)
	}

	s = startServer(t, dir, onPostgres)
	for i, path := range paths {
		require.Equal(t, before[i], s.get(t, admin, path), path)
	}
	for _, token := range []string{login, made, admin} {
		send(s, 200, token, "GET", "/openapi/v1/users/2", "")
	}
	send(s, 204, login, "DELETE", "/openapi/v1/auth-token", "")
	login = s.logIn(t, "default/ada")
	send(s, 200, login, "GET", "/openapi/v1/users/2", "")
	require.Contains(t, send(s, 201, admin, "POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", "next", 1)), `"user_id":5`)
	require.Contains(t, s.get(t, admin, "/openapi/v1/users/5/audit"), `"event_id":13`, "10 were copied, and then there were a log-out and a log-in")
	send(s, 409, admin, "POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", "ADA", 1))
	s.terminate(t)
}

// The numbers of users that are all used up stay used up, and an empty database is copied, too.
func TestCopyToPostgresKeepsTheLastNumbers(t *testing.T) {
	dir, address := t.TempDir(), storetest.NewEmptyPostgres(t)
	_, stderr, code := runCommand(t, dir, nil, "migrate")
	require.Zero(t, code, stderr)
	require.Contains(t, requireCopied(t, dir, address), ": 0 users, 0 tokens, 0 events\nthe next user gets the number 2\n")
	next := func(table string) (number int64, err error) {
		err = openPostgres(t, address).QueryRowContext(t.Context(), `SELECT nextval(pg_get_serial_sequence($1, 'id'))`, table).Scan(&number)
		return number, err
	}
	for table, want := range map[string]int64{"users": 2, "tokens": 1, "events": 1} {
		number, err := next(table)
		require.NoError(t, err)
		require.Equal(t, want, number, table)
	}

	seedUsers(t, dir, 3)
	execute(t, dir, `UPDATE sqlite_sequence SET seq = 2147483647 WHERE name = 'users';
		INSERT INTO tokens VALUES (9, randomblob(32), 2, 'n', 'made', 0, NULL); DELETE FROM tokens`)
	requireCopied(t, dir, address)
	_, err := next("users")
	require.ErrorContains(t, err, "reached maximum value")
	number, err := next("tokens")
	require.NoError(t, err)
	require.EqualValues(t, 10, number)
}

func TestCopyRefusesWrongSettings(t *testing.T) {
	const postgres, direction = "postgres://user:canary@host/db", "copy goes from SQLite to PostgreSQL only"
	for _, settings := range []struct{ from, to, fault string }{
		{"userapi.db", "other.db", direction},
		{"sqlite:userapi.db", "sqlite:other.db", direction},
		{postgres, "userapi.db", direction},
		{postgres, "postgresql://user:canary@other/db", direction},
		{"userapi.db", "userapi.db", "name the same database"},
		{"userapi.db", "", "--to"},
		{"", postgres, "--from: name a file"},
		{"file:userapi.db", postgres, "--from: name a file"},
		{"mysql://user:canary@host/db", postgres, "--from: use postgres://"},
		{"userapi.db", "postgres://user:canary@host:port/db", "--to or USERAPI_DATABASE: "},
	} {
		dir := t.TempDir()
		_, stderr, code := runCommand(t, dir, nil, "copy", "--from="+settings.from, "--to="+settings.to)
		require.Equal(t, exitUsage, code, settings)
		require.Contains(t, stderr, settings.fault, settings)
		require.NotContains(t, stderr, "canary")
		require.Empty(t, namesIn(t, dir))
	}
	_, stderr, code := runCommand(t, t.TempDir(), nil, "copy", "--from=userapi.db")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--to")
}

// A database is copied only if nobody uses it, and only to an empty one that nobody uses.
func TestCopyToPostgresRefusesWrongDatabases(t *testing.T) {
	dir, address := t.TempDir(), storetest.NewEmptyPostgres(t)
	target := openPostgres(t, address)
	refused := func(sentence string) {
		t.Helper()
		stdout, stderr, code := copyTo(t, dir, address)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, sentence)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		require.Empty(t, stdout)
	}
	notThere := func() {
		t.Helper()
		var there bool
		require.NoError(t, target.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')`).Scan(&there))
		require.False(t, there, "nothing was migrated")
	}
	refused("there is no database at userapi.db")
	require.Empty(t, namesIn(t, dir))
	require.NoError(t, os.WriteFile(dir+"/userapi.db", nil, 0o600))
	refused("it is not a database of userapi")
	require.NoError(t, os.Remove(dir+"/userapi.db"))

	s := startServer(t, dir, nil)
	refused(fmt.Sprintf("process %d has userapi.db open: stop it first", s.cmd.Process.Pid))
	s.terminate(t)
	makeSchema6(t, dir)
	refused("it has schema 6, which is older than this userapi: run 'userapi migrate --database=userapi.db'")
	_, stderr, code := runCommand(t, dir, nil, "migrate", "--no-backup")
	require.Zero(t, code, stderr)
	execute(t, dir, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	refused("the database has schema 99 and this userapi knows 9: run a newer userapi")
	execute(t, dir, `DELETE FROM goose_db_version WHERE version_id = 99`)
	notThere()

	_, stderr, code = runCommand(t, dir, []string{"USERAPI_DATABASE=" + address}, "migrate")
	require.Zero(t, code, stderr)
	reader, err := target.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = reader.ExecContext(t.Context(), `TABLE users`)
	require.NoError(t, err)
	refused("another session uses the tables of the new database")
	require.NoError(t, reader.Rollback())

	s = startServer(t, t.TempDir(), []string{"USERAPI_DATABASE=" + address})
	refused("userapi has the new database open: stop all servers and commands on it")
	s.terminate(t)
	for _, table := range []string{"users", "tokens", "events"} {
		refused("is not empty, because its table " + table + " has rows")
		runSQL(t, target, `TRUNCATE `+table+` CASCADE`)
		if table == "users" { // CASCADE has emptied tokens, too
			runSQL(t, target, `ALTER TABLE tokens DROP CONSTRAINT tokens_user`, `INSERT INTO tokens (hash, user_id, name, kind, created) VALUES (sha256(''), 1, 'n', 'made', 0)`)
		}
	}
	requireCopied(t, dir, address)
}

// holdCopy makes a copy to the database wait before its second user, until release is called.
func holdCopy(t *testing.T, address string) (release func()) {
	t.Helper()
	_, stderr, code := runCommand(t, t.TempDir(), []string{"USERAPI_DATABASE=" + address}, "migrate")
	require.Zero(t, code, stderr)
	db := openPostgres(t, address)
	runSQL(t, db, `CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS 'BEGIN PERFORM pg_advisory_xact_lock(99); RETURN NEW; END'`,
		`CREATE TRIGGER hold BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.id = 2) EXECUTE FUNCTION hold()`)
	holder, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = holder.ExecContext(t.Context(), `SELECT pg_advisory_lock(99)`)
	require.NoError(t, err)
	return func() {
		_, err := holder.ExecContext(t.Context(), `SELECT pg_advisory_unlock(99)`)
		require.NoError(t, err)
		require.NoError(t, holder.Close())
	}
}

// waitForLock waits until the number of sessions that wait for the lock of holdCopy is as wanted.
func waitForLock(t *testing.T, target *sql.DB, waiting int) {
	t.Helper()
	require.Eventually(t, func() bool {
		found := 0
		err := target.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 99 AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&found)
		return err == nil && found == waiting
	}, 5*time.Minute, 10*time.Millisecond)
}

// However a copy ends before its commit, the new database is empty, and the command can be repeated.
func TestCopyToPostgresIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	seedUsers(t, dir, 2000)
	for name, interrupt := range map[string]func(c *os.Process, target *sql.DB){
		"killed":  func(c *os.Process, _ *sql.DB) { require.NoError(t, c.Kill()) },
		"stopped": func(c *os.Process, _ *sql.DB) { require.NoError(t, c.Signal(syscall.SIGTERM)) },
		"disconnected": func(_ *os.Process, target *sql.DB) {
			runSQL(t, target, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 99 AND NOT granted`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := storetest.NewEmptyPostgres(t)
			target := openPostgres(t, address)
			release := holdCopy(t, address)
			c := command(t, dir, []string{"USERAPI_DATABASE=" + address}, "copy", "--from=userapi.db")
			var stderr strings.Builder
			c.Stderr = &stderr
			require.NoError(t, c.Start())
			waitForLock(t, target, 1)
			interrupt(c.Process, target)
			require.Error(t, c.Wait())
			if name != "killed" {
				require.Equal(t, exitFailed, c.ProcessState.ExitCode())
				require.Contains(t, stderr.String(), "nothing was copied, and the command can be repeated: ")
			}
			release()
			waitForLock(t, target, 0)
			require.Eventually(t, func() bool { // the server may still undo a copy whose process was killed
				stdout, _, code := copyTo(t, dir, address)
				return code == 0 && strings.Contains(stdout, ": 2000 users, ")
			}, 5*time.Minute, 10*time.Millisecond)
			runSQL(t, target, `TRUNCATE users CASCADE`)
			requireEmpty(t, target)
		})
	}
}

// While a copy runs, nobody else opens the new database, and a change of the old one undoes the copy.
func TestCopyToPostgresIsAlone(t *testing.T) {
	dir, address := t.TempDir(), storetest.NewEmptyPostgres(t)
	seedUsers(t, dir, 2)
	target := openPostgres(t, address)
	release := holdCopy(t, address)
	c := command(t, dir, []string{"USERAPI_DATABASE=" + address}, "copy", "--from=userapi.db")
	var stderr strings.Builder
	c.Stderr = &stderr
	require.NoError(t, c.Start())
	waitForLock(t, target, 1)

	other := t.TempDir()
	seedUsers(t, other, 1)
	_, refused, code := copyTo(t, other, address)
	require.Equal(t, exitFailed, code)
	require.Contains(t, refused, "userapi has the new database open")
	for _, args := range [][]string{{"serve", "--listen=127.0.0.1:0", "--ops-listen=off"}, {"token", "create", "--user=1", "--name=x"}} {
		_, refused, code = runCommand(t, other, []string{"USERAPI_DATABASE=" + address}, args...)
		require.Equal(t, exitFailed, code)
		require.Contains(t, refused, "'userapi copy' is filling the database")
	}
	_, failed, code := runCommand(t, dir, nil, "token", "create", "--user=1", "--name=x")
	require.Zero(t, code, failed)
	release()
	require.Error(t, c.Wait())
	require.Contains(t, stderr.String(), "userapi.db was changed while it was copied")
	requireEmpty(t, target)
	require.Contains(t, requireCopied(t, dir, address), ": 2 users, 1 tokens, 1 events")
}

// A row that PostgreSQL refuses is named, and its values are not. A row that PostgreSQL changes is found.
func TestCopyToPostgresProvesThatBothAreEqual(t *testing.T) {
	const user = `UPDATE users SET phone = 'canary-' || id WHERE id <> 0;`
	for _, fault := range []struct{ source, target, sentence string }{
		{user + `UPDATE users SET phone = 'canary' || char(0) WHERE id = 3`, ``, "PostgreSQL refuses row 3 of the table users (SQLSTATE 22021)"},
		{user + `UPDATE users SET phone = CAST(x'63616e617279ff' AS TEXT) WHERE id = 3`, ``, "PostgreSQL refuses row 3 of the table users (SQLSTATE 22021)"},
		{user + `UPDATE users SET password_hash = '$ARGON2ID$canary' WHERE id = 4`, ``, "PostgreSQL refuses row 4 of the table users (constraint users_password_hash, SQLSTATE 23514)"},
		{user + `INSERT INTO tokens VALUES (7, randomblob(32), 99, 'canary', 'made', 0, NULL)`, ``, "PostgreSQL refuses a row of the table tokens (constraint tokens_user, SQLSTATE 23503)"},
		{user + `INSERT INTO events VALUES (8, 0, 1 << 40, 'canary', 1, 'e', 'createUser', '', '')`, ``, "row 8 of the table events: read events.actor_id: SQLite's int64 does not fit into int32"},
		{user, `NEW.phone = ''`, "the copy differs from its source"},
		{user, `RAISE 'disk full' USING ERRCODE = '53100'`, "disk full"},
	} {
		dir, address := t.TempDir(), storetest.NewPostgres(t)
		seedUsers(t, dir, 5)
		execute(t, dir, fault.source)
		target := openPostgres(t, address)
		if fault.target != "" {
			runSQL(t, target, `CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+fault.target+`; RETURN NEW; END $$`,
				`CREATE TRIGGER fault BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION fault()`)
		}
		stdout, stderr, code := copyTo(t, dir, address)
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "nothing was copied, and the command can be repeated: ")
		require.Contains(t, stderr, fault.sentence)
		require.NotContains(t, stdout+stderr, "canary")
		requireEmpty(t, target)
	}
}
