package postgres_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// proxy stands between a node and the server. Once it is armed, it drops the answer to some commits, which
// the server has carried out, and closes the connection.
type proxy struct {
	armed    atomic.Bool
	commits  atomic.Int64
	dropped  atomic.Int64
	listener net.Listener
	running  sync.WaitGroup

	mutex   sync.Mutex
	clients []net.Conn
}

// connections returns how many connections there were since the last cut.
func (p *proxy) connections() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.clients)
}

// cut closes all connections of clients. The server does not notice before it writes.
func (p *proxy) cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, client := range p.clients {
		_ = client.Close()
	}
	p.clients = nil
}

// dropEach is how many commits there are for each whose answer is dropped.
const dropEach = 7

// newProxy returns a proxy before the server of a database, and the database's address behind the proxy.
func newProxy(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	server, err := pgconn.ParseConfig(address)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener}
	p.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.mutex.Lock()
			p.clients = append(p.clients, client)
			p.mutex.Unlock()
			p.running.Go(func() { p.pass(client, server) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		p.running.Wait()
	})
	behind, err := url.Parse(address)
	require.NoError(t, err)
	behind.Host, behind.RawQuery = listener.Addr().String(), "sslmode=disable"
	return p, behind.String()
}

// pass passes bytes on until one side closes.
func (p *proxy) pass(client net.Conn, config *pgconn.Config) {
	network, at := pgconn.NetworkAddress(config.Host, config.Port)
	server, err := net.Dial(network, at) //nolint:noctx // the test ends it
	if err != nil {
		_ = client.Close()
		return
	}
	defer func() { _, _ = client.Close(), server.Close() }()
	p.running.Go(func() {
		defer func() { _, _ = client.Close(), server.Close() }()
		copyAll(server, client, func(sent []byte) bool { return !isCancel(sent) })
	})
	copyAll(client, server, func(answer []byte) bool {
		if !p.armed.Load() || !bytes.Contains(answer, []byte("COMMIT\x00")) || p.commits.Add(1)%dropEach != 0 {
			return true
		}
		p.dropped.Add(1)
		return false
	})
}

// isCancel reports whether a client wants a statement to end that it has lost.
func isCancel(sent []byte) bool {
	const code = 80877102
	return len(sent) == 16 && binary.BigEndian.Uint32(sent[4:]) == code
}

// copyAll copies until an error, or until pass returns false.
func copyAll(to, from net.Conn, pass func([]byte) bool) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil || !pass(buffer[:n]) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// loseAnswers makes changes while answers are lost, and returns what was not made and answered once.
func loseAnswers(t *testing.T, p *proxy, s directory.Store) error {
	t.Helper()
	event := func(op directory.Operation) *directory.Event {
		return &directory.Event{At: time.Unix(1, 0), EnterpriseID: "e", Operation: op}
	}
	const clients, each = 8, 40
	ids, faults := make([]directory.UserID, clients), make([]error, clients)
	p.armed.Store(true)
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			created, err := s.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
				u := directory.User{Version: 1, NickName: fmt.Sprint("user", i), EnterpriseID: "e", Role: directory.RoleUser, CreateTime: time.Unix(1, 0)}
				return directory.Change{User: u, Event: event(directory.OperationCreateUser)}, nil
			})
			if err != nil {
				faults[i] = fmt.Errorf("create: %w", err)
				return
			}
			ids[i] = created.ID
			for n := range each {
				field, email := directory.FieldPhone, fmt.Sprintf("user%d@example.com", i)
				if n%4 == 0 {
					field = directory.FieldEmail // runs alone
				}
				changed, err := s.Change(t.Context(), directory.Operator(), created.ID, func(f directory.Facts) (directory.Change, error) {
					u := f.Target
					u.Version++
					u.Email = &email
					return directory.Change{User: u, Fields: []directory.Field{field}, Event: event(directory.OperationUpdateUser)}, nil
				})
				if err != nil || changed.Version != int64(n+2) {
					faults[i] = fmt.Errorf("change %d has version %d: %v", n, changed.Version, err) //nolint:errorlint // it may be nil
					return
				}
			}
		})
	}
	running.Wait()
	p.armed.Store(false)
	require.Positive(t, p.dropped.Load())
	t.Log(p.dropped.Load(), "answers were lost")
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, id := range ids {
		user, err := s.User(t.Context(), id)
		require.NoError(t, err)
		_, total, err := s.Events(t.Context(), directory.EventFilter{TargetID: id}, directory.Page{Number: 1, Size: 1})
		require.NoError(t, err)
		if user.Version != each+1 || total != each+1 {
			return fmt.Errorf("user %d has version %d and %d events", id, user.Version, total)
		}
	}
	return nil
}

// If the answer to a commit is lost, the change is made once and answered once.
func TestLostAnswersAreResolved(t *testing.T) {
	p, address := newProxy(t, storetest.NewPostgres(t))
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, loseAnswers(t, p, s))
}

// The test above fails if a node tries again without looking whether the change was made.
func TestRetriesWithoutLookingAreFound(t *testing.T) {
	p, address := newProxy(t, storetest.NewPostgres(t))
	s, err := postgres.OpenWithWrong(t.Context(), address, "a retry without looking")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	found := loseAnswers(t, p, s)
	require.Error(t, found)
	t.Log(found)
}

// If the connection breaks while the server still commits the creation of a user, the user is created once, even
// if the commit takes longer than a lock may.
func TestLateCommitIsFound(t *testing.T) {
	direct := storetest.NewPostgres(t)
	p, address := newProxy(t, direct)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	exec := execOn(t, direct)
	// Commits of creations wait for this lock.
	exec(`CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS 'BEGIN PERFORM pg_advisory_xact_lock(9, 9); RETURN NULL; END'`)
	exec(`CREATE CONSTRAINT TRIGGER late AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()`)
	exec(`SELECT pg_advisory_lock(9, 9)`)
	db, err := sql.Open("pgx", direct)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	waiting := func(waiters int) func() bool {
		return func() bool {
			var enough bool
			require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) >= $1 FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock'`, waiters).Scan(&enough))
			return enough
		}
	}
	w := &writer{store: s, number: 1, totals: &totals{}}
	var ended atomic.Bool
	done := make(chan struct{})
	go func() { w.write(t); ended.Store(true); close(done) }()
	waitFor(t, waiting(1))
	p.cut()
	waitFor(t, func() bool { return ended.Load() || waiting(2)() })
	// The one that looks gives up its wait, and begins another.
	waitFor(t, func() bool { return ended.Load() || !waiting(2)() })
	waitFor(t, func() bool { return ended.Load() || waiting(2)() })
	exec(`SELECT pg_advisory_unlock(9, 9)`)
	<-done
	require.Len(t, w.acknowledged, 1)
	_, total, err := s.Events(t.Context(), directory.EventFilter{}, directory.Page{Number: 1, Size: 1})
	require.NoError(t, err)
	require.EqualValues(t, 1, total)
}

// If the answer to the commit of the first start is lost, the start knows that it was the first, so the server
// keeps the file with the token.
func TestLostAnswerToAStart(t *testing.T) {
	p, address := newProxy(t, storetest.NewPostgres(t))
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	service := &directory.Service{Store: s, Now: time.Now, Random: rand.Reader}
	p.commits.Store(dropEach - 2) // the first transaction only asks whether the database is empty
	p.armed.Store(true)
	started, err := service.Start(t.Context(), "", func(string) error { return nil })
	require.NoError(t, err)
	require.EqualValues(t, 1, p.dropped.Load())
	require.True(t, started.First)
	tokens, err := s.Tokens(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, tokens, 1)
	_, total, err := s.Events(t.Context(), directory.EventFilter{}, directory.Page{Number: 1, Size: 1})
	require.NoError(t, err)
	require.EqualValues(t, 2, total, "of the user and of the token")
}
