package postgres_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm/schema"

	"userapi/internal/store"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// openConnection opens a connection to a database of a test.
func openConnection(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.WithoutCancel(t.Context()))) })
	return c
}

// columnsOf returns the columns of the table of a model.
func columnsOf(t *testing.T, model any) []string {
	t.Helper()
	parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
	require.NoError(t, err)
	return parsed.DBNames
}

// A table or a column that is new must be copied. If it is not to be copied, name it here.
func TestCopyLeavesNothingOut(t *testing.T) {
	c := openConnection(t, storetest.NewPostgres(t))
	copied := map[string][]string{
		"users":            columnsOf(t, &store.User{}),
		"tokens":           columnsOf(t, &store.Token{}),
		"events":           append(columnsOf(t, &store.Event{}), "unit"), // its default is unique
		"recent_failures":  nil,                                          // they end after a minute
		"goose_db_version": nil,
	}
	rows, err := c.Query(t.Context(), `SELECT table_name, array_agg(column_name::text) FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1`)
	require.NoError(t, err)
	found := 0
	var table string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&table, &columns}, func() error {
		want, known := copied[table]
		require.True(t, known, "%s is copied", table)
		if want != nil {
			require.ElementsMatch(t, want, columns, table)
		}
		found++
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, len(copied), found)
}

// source is a database of users.
type source struct {
	users int32
	check error
}

func (s source) Size() store.Size { return store.Size{Users: int64(s.users), LastUser: int64(s.users)} }

func (s source) Users() iter.Seq2[store.User, error] {
	return func(yield func(store.User, error) bool) {
		for id := int32(1); id <= s.users; id++ {
			name := fmt.Sprint("user", id)
			if !yield(store.User{ID: id, Version: 1, NickName: name, NickNameFolded: name, EnterpriseID: "e", Role: "user"}, nil) {
				return
			}
		}
	}
}

func (source) Tokens() iter.Seq2[store.Token, error] { return func(func(store.Token, error) bool) {} }

func (source) Events() iter.Seq2[store.Event, error] { return func(func(store.Event, error) bool) {} }

func (s source) Check() error { return s.check }

// Progress tells how many rows of a table were copied, and then how many were compared.
func TestCopyReportsProgress(t *testing.T) {
	var steps []string
	last := int64(0)
	digest, err := postgres.Copy(t.Context(), storetest.NewEmptyPostgres(t), source{users: 5000}, func(step string, done, total int64) {
		if !slices.Contains(steps, step) {
			steps, last = append(steps, step), 0
		}
		if total > 0 {
			require.EqualValues(t, 5000, total)
			require.Greater(t, done, last)
			last = done
		}
	})
	require.NoError(t, err)
	require.Len(t, digest, 64)
	require.Equal(t, []string{"copying users", "analyzing", "comparing users"}, steps)
}

// openSessions returns the sessions that show that a process has the database open.
func openSessions(t *testing.T, c *pgx.Conn) []uint32 {
	t.Helper()
	rows, err := c.Query(t.Context(), `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 4 AND mode = 'ShareLock' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1`)
	require.NoError(t, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	require.NoError(t, err)
	return pids
}

// A copy is refused while a store is open, also after the connection that shows it was lost. When the store is
// closed, a copy begins at once.
func TestCopyNeedsAllStoresClosed(t *testing.T) {
	address := storetest.NewPostgres(t)
	c := openConnection(t, address)
	try := func() error {
		_, err := postgres.Copy(t.Context(), address, source{users: 1}, func(string, int64, int64) {})
		return err
	}
	first, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	second, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	require.ErrorContains(t, try(), "has the new database open")
	before := openSessions(t, c)
	require.Len(t, before, 2)
	for _, pid := range before {
		_, err := c.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, int32(pid))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		now := openSessions(t, c)
		return len(now) == 2 && !slices.Contains(before, now[0]) && !slices.Contains(before, now[1])
	}, 5*time.Minute, 10*time.Millisecond)
	require.ErrorContains(t, try(), "has the new database open")
	require.NoError(t, first.Close())
	require.ErrorContains(t, try(), "has the new database open")
	require.NoError(t, second.Close())
	require.NoError(t, try())
	require.ErrorContains(t, try(), "is not empty")
}
