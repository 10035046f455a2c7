package postgres_test

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// A change whose commit had no answer is not acknowledged before the standby has it, even if the
// primary shows it.
func TestUnansweredCommitWaitsForTheStandby(t *testing.T) {
	pair := storetest.NewPair(t)
	s, err := postgres.Open(t.Context(), pair.Address(), postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	create := func(ctx context.Context, name string) error {
		_, err := s.Change(ctx, directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
			u := directory.User{Version: 1, NickName: name, EnterpriseID: "e", Role: directory.RoleUser, CreateTime: time.Unix(1, 0)}
			return directory.Change{User: u, Event: &directory.Event{At: time.Unix(1, 0), EnterpriseID: "e", Operation: directory.OperationCreateUser}}, nil
		})
		return err
	}
	require.NoError(t, create(t.Context(), "ada"))
	pair.Standby.Hang(t)
	done := make(chan error, 1)
	go func() { done <- create(t.Context(), "bob") }()
	waitFor(t, func() bool { return pair.Primary.Ask(t, `SELECT count(*) FROM events`) == "2" })
	waiting := func(commits int) bool {
		return pair.Primary.Ask(t, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) == strconv.Itoa(commits)
	}
	waitFor(t, func() bool { return len(done) > 0 || waiting(1) })
	require.Empty(t, done, "acknowledged without the standby")
	require.EqualValues(t, 1, s.Unanswered())

	// A client that waits no longer hears that nobody knows, not that nothing was changed.
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- create(ctx, "eve") }()
	waitFor(t, func() bool { return waiting(2) })
	leave()
	err = <-gone
	require.ErrorContains(t, err, "nobody knows")
	require.False(t, directory.IsCode(err, directory.CodeUnavailable))

	pair.Standby.Resume(t)
	require.NoError(t, <-done)
	waitFor(t, func() bool { return pair.Primary.Ask(t, `SELECT count(*) FROM events`) == "3" })
}

// execOn returns a function that runs statements on a connection of another process.
func execOn(t *testing.T, address string) (exec func(statement string)) {
	t.Helper()
	c := connect(t, address)
	return func(statement string) {
		t.Helper()
		_, err := c.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
}

// If the server refuses to write for a while, the store writes as soon as it can: it does not keep the
// connections that were read-only when they began.
func TestReadOnlyServer(t *testing.T) {
	address := storetest.NewPostgres(t)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	w := &writer{store: s, number: 1, totals: &totals{}}
	w.write(t)
	require.Len(t, w.acknowledged, 1)
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	name := strings.TrimPrefix(parsed.Path, "/")
	exec := execOn(t, storetest.TestDatabase())
	exec(`ALTER DATABASE ` + name + ` SET default_transaction_read_only = on`)
	exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + name + `'`)
	w.write(t)
	require.Len(t, w.refused, 1)
	require.ErrorContains(t, s.Ready(t.Context()), "read-only")
	require.Positive(t, storetest.Gather(t, s.Metrics())[`userapi_postgres_retries_total{reason="read_only"}`])
	// Fill the pool with connections that are read-only.
	stop, readers := make(chan struct{}), sync.WaitGroup{}
	other := execOn(t, address)
	other(`BEGIN READ WRITE`)
	other(`LOCK TABLE users`)
	for range 10 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = s.Account(t.Context(), directory.LogInName{EnterpriseID: "e", NickName: "n"})
				}
			}
		})
	}
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	waitFor(t, func() bool {
		var enough bool
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) = 10 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'`, name).Scan(&enough))
		return enough
	})
	close(stop)
	other(`ROLLBACK`)
	readers.Wait()
	exec(`ALTER DATABASE ` + name + ` RESET default_transaction_read_only`)
	w.write(t)
	require.Len(t, w.acknowledged, 2)
	require.NoError(t, s.Ready(t.Context()))
}

// While the server's disk is full, nothing is changed, and a client may try again.
func TestFullDisk(t *testing.T) {
	address := storetest.NewPostgres(t)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	exec := execOn(t, address)
	exec(`CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE disk_full; END'`)
	exec(`CREATE TRIGGER no_space BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION no_space()`)
	w := &writer{store: s, number: 1, totals: &totals{}}
	w.write(t)
	require.Len(t, w.refused, 1)
	exec(`DROP TRIGGER no_space ON events`)
	w.write(t)
	require.Len(t, w.acknowledged, 1)
}

// Everybody can ask whether the database is ready. Whoever asks often takes no connections away from others.
func TestReadyOpensFewConnections(t *testing.T) {
	direct := storetest.NewPostgres(t)
	p, address := newProxy(t, direct)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	exec, before := execOn(t, direct), p.connections()
	exec(`BEGIN`)
	exec(`LOCK TABLE users`) // checks wait for it
	const askers = 64
	var asked atomic.Int64
	var running sync.WaitGroup
	for range askers {
		running.Go(func() {
			asked.Add(1)
			_ = s.Ready(t.Context()) // it may wait too long
		})
	}
	waitFor(t, func() bool { return asked.Load() == askers })
	waitFor(t, func() bool { return p.connections() > before })
	exec(`ROLLBACK`)
	running.Wait()
	require.NoError(t, s.Ready(t.Context()))
	require.Less(t, p.connections()-before, askers/2)
}

// A slow statement is in the log, but its values are not.
func TestSlowStatementsAreLogged(t *testing.T) {
	address, log := storetest.NewPostgres(t), &apitest.Log{}
	s, err := postgres.Open(t.Context(), address, postgres.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	w := &writer{store: s, number: 1, totals: &totals{}}
	w.write(t)
	require.Empty(t, log.String())
	exec := execOn(t, address)
	exec(`BEGIN`)
	exec(`LOCK TABLE users`)
	// Each of these waits until lock_timeout.
	var running sync.WaitGroup
	running.Go(func() { w.write(t) })
	running.Go(func() {
		_, err := s.Account(t.Context(), directory.LogInName{EnterpriseID: "canary", NickName: "canary"})
		assert.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
	})
	running.Go(func() {
		_, _, err := s.Users(t.Context(), directory.UserFilter{Roles: directory.Roles(), Text: "canary"}, directory.Page{Number: 1, Size: 1})
		assert.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
	})
	running.Wait()
	exec(`ROLLBACK`)
	for _, statement := range []string{"FROM users WHERE id = ANY($1)", "FROM users WHERE enterprise_id = $1", `FROM \"users\" WHERE (nick_name_folded LIKE $1`} {
		line := log.LineWith(t, statement)
		require.Regexp(t, `level=WARN msg="a statement was slow" sql=.* duration_ms=\d+ failed=true left_out=0`, line)
	}
	lock := func() {
		exec(`BEGIN`)
		exec(`LOCK TABLE users`)
		_, err := s.Account(t.Context(), directory.LogInName{EnterpriseID: "canary", NickName: "canary"})
		require.True(t, directory.IsCode(err, directory.CodeUnavailable), "%v", err)
		exec(`ROLLBACK`)
	}
	lock()
	require.Equal(t, 1, strings.Count(log.String(), "FROM users WHERE enterprise_id = $1"), "a statement is logged once a minute")
	require.NotContains(t, log.String(), "canary")
	require.NotContains(t, log.String(), "request-1")
}

// A host that hangs is tried once: new connections try the host first that the last one has led to. A host that
// hangs takes no longer than connect_timeout, and then another one is tried.
func TestHostThatHangs(t *testing.T) {
	_, address := newProxy(t, storetest.NewPostgres(t)) // a server on a port
	var tried atomic.Int64
	hanging, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := hanging.Accept()
			if err != nil {
				return
			}
			tried.Add(1)
			defer func() { _ = c.Close() }()
		}
	})
	defer accepting.Wait()
	defer func() { require.NoError(t, hanging.Close()) }()
	both, err := url.Parse(address)
	require.NoError(t, err)
	both.Host = hanging.Addr().String() + "," + both.Host
	both.RawQuery += "&connect_timeout=1"
	s, err := postgres.Open(t.Context(), both.String(), postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	w := &writer{store: s, number: 1, totals: &totals{}}
	w.write(t)
	require.Len(t, w.acknowledged, 1)
	before := tried.Load()
	require.Positive(t, before)
	for range 3 {
		require.NoError(t, s.Ready(t.Context()))
	}
	require.Equal(t, before, tried.Load())
}
