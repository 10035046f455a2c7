package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// otherNode is a transaction of another node, which is open.
type otherNode struct {
	t *testing.T
	c *pgx.Conn
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.WithoutCancel(t.Context()))) })
	return c
}

func openNode(t *testing.T, address string) otherNode {
	t.Helper()
	w := otherNode{t, connect(t, address)}
	w.exec(`BEGIN`)
	return w
}

func (w otherNode) exec(statement string) {
	w.t.Helper()
	_, err := w.c.Exec(w.t.Context(), statement)
	require.NoError(w.t, err)
}

// insertEvent stores an event whose operation is name.
func (w otherNode) insertEvent(name string) {
	w.t.Helper()
	w.exec(`INSERT INTO events (at, token_name, target_id, enterprise_id, operation, fields, request_id) VALUES (0, '', 1, 'e', '` + name + `', '', '')`)
}

// readAll returns the operations of the events that a reader finds who goes on where the last page ended.
func readAll(ctx context.Context, s directory.Store) (names []string, err error) {
	for last := int64(0); ; {
		events, err := s.EventsAfter(ctx, 0, last, 10)
		if err != nil || len(events) == 0 {
			return names, err
		}
		for _, e := range events {
			names, last = append(names, string(e.Operation)), e.ID
		}
	}
}

// A reader of all events skips none, although an event gets its number before it is committed. It makes no
// difference which transaction has begun to write first.
func TestReadersSkipNoEvent(t *testing.T) {
	for first := range 2 {
		address := storetest.NewPostgres(t)
		s, err := postgres.Open(t.Context(), address, postgres.Options{})
		require.NoError(t, err)
		slow, fast := openNode(t, address), openNode(t, address)
		[]otherNode{slow, fast}[first].exec(`SELECT pg_current_xact_id()`)
		slow.insertEvent("slow")
		fast.insertEvent("fast")
		fast.exec(`COMMIT`)

		ctx, end := context.WithCancel(t.Context())
		read := make(chan []string, 1)
		go func() {
			names, err := readAll(ctx, s)
			if err == nil {
				read <- names
			}
			close(read)
		}()
		look := connect(t, address)
		require.Eventually(t, func() bool {
			var waits bool
			err := look.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'userapi' AND query LIKE '%virtualtransaction IN%')`).Scan(&waits)
			return err == nil && (waits || len(read) > 0)
		}, time.Minute, time.Millisecond)
		slow.exec(`COMMIT`)
		require.Equal(t, []string{"slow", "fast"}, <-read)
		end()
		require.NoError(t, s.Close())
	}
}

// An event is read at once after its change was answered, although another transaction, which writes no event, is
// open for long. A reader whose context ends does not wait.
func TestReadersSeeTheirOwnEvents(t *testing.T) {
	address := storetest.NewPostgres(t)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	other := openNode(t, address)
	other.exec(`CREATE TABLE other (id int)`)
	_, err = s.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
		u := directory.User{Version: 1, NickName: "ada", EnterpriseID: "e", Role: directory.RoleUser, CreateTime: time.Unix(1, 0)}
		return directory.Change{User: u, Event: &directory.Event{At: time.Unix(1, 0), Operation: directory.OperationCreateUser}}, nil
	})
	require.NoError(t, err)
	names, err := readAll(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, []string{string(directory.OperationCreateUser)}, names)

	other.insertEvent("slow")
	events, err := s.EventsAfter(t.Context(), 2, 0, 10)
	require.NoError(t, err)
	require.Len(t, events, 1, "the events of one user need not wait")
	ctx, end := context.WithCancel(t.Context())
	end()
	_, err = s.EventsAfter(ctx, 0, 0, 10)
	require.ErrorIs(t, err, context.Canceled)
}
