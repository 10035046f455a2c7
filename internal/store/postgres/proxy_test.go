package postgres_test

import (
	"bytes"
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
		copyAll(server, client, func([]byte) bool { return true })
	})
	copyAll(client, server, func(answer []byte) bool {
		if !p.armed.Load() || !bytes.Contains(answer, []byte("COMMIT\x00")) || p.commits.Add(1)%dropEach != 0 {
			return true
		}
		p.dropped.Add(1)
		return false
	})
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

// If the answer to a commit is lost, the change is made once and answered once.
func TestLostAnswersAreResolved(t *testing.T) {
	p, address := newProxy(t, storetest.NewPostgres(t))
	s, err := postgres.Open(t.Context(), address)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	event := func(op directory.Operation) *directory.Event {
		return &directory.Event{At: time.Unix(1, 0), EnterpriseID: "e", Operation: op}
	}
	p.armed.Store(true)
	const clients, each = 8, 40
	ids := make([]directory.UserID, clients)
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			created, err := s.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
				u := directory.User{Version: 1, NickName: fmt.Sprint("user", i), EnterpriseID: "e", Role: directory.RoleUser, CreateTime: time.Unix(1, 0)}
				return directory.Change{User: u, Event: event(directory.OperationCreateUser)}, nil
			})
			if err != nil {
				t.Error("create: ", err)
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
					t.Errorf("change %d has version %d: %v", n, changed.Version, err)
					return
				}
			}
		})
	}
	running.Wait()
	p.armed.Store(false)
	require.Positive(t, p.dropped.Load())
	t.Log(p.dropped.Load(), "answers were lost")
	for _, id := range ids {
		user, err := s.User(t.Context(), id)
		require.NoError(t, err)
		require.EqualValues(t, each+1, user.Version)
		_, total, err := s.Events(t.Context(), directory.EventFilter{TargetID: id}, directory.Page{Number: 1, Size: 1})
		require.NoError(t, err)
		require.EqualValues(t, each+1, total)
	}
}
