package postgres_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// openNodes opens nodes on one database, and the database itself.
func openNodes(t *testing.T, n int) (nodes []*postgres.Store, db *sql.DB) {
	address := storetest.NewPostgres(t)
	for range n {
		s, err := postgres.Open(t.Context(), address, postgres.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		nodes = append(nodes, s)
	}
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return nodes, db
}

func failureKey(parts ...any) directory.FailureKey {
	return sha256.Sum256([]byte(fmt.Sprint(parts...)))
}

// No failure is lost or counted twice, whichever nodes count it and in whichever order the keys are named.
func TestFailuresCountOverAllNodes(t *testing.T) {
	nodes, _ := openNodes(t, 4)
	keys := []directory.FailureKey{failureKey("a"), failureKey("b"), failureKey("c"), failureKey("d"), failureKey("e")}
	const each = 25
	for _, err := range apitest.AtOnce(4*len(nodes), func(i int) error {
		for j := range each {
			mine := []directory.FailureKey{keys[(i+j)%5], keys[(i+j+2)%5], keys[(i+j+1)%5]}
			if err := nodes[i%len(nodes)].AddFailure(t.Context(), mine); err != nil {
				return err
			}
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	for _, s := range nodes {
		found, err := s.Failures(t.Context(), append(keys, failureKey("none")))
		require.NoError(t, err)
		require.Len(t, found, len(keys))
		total := 0
		for _, failures := range found {
			total += failures.Count
			require.Positive(t, failures.Remaining)
			require.LessOrEqual(t, failures.Remaining, directory.FailureWindow)
		}
		require.Equal(t, 4*len(nodes)*each*3, total)
	}
}

// The table forgets twice as many counts that have ended as a failure begins, and none that still count.
func TestEndedFailuresAreForgotten(t *testing.T) {
	nodes, db := openNodes(t, 1)
	rows := func() (n int) {
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM recent_failures").Scan(&n))
		return n
	}
	add := func(from, to int) {
		for i := from; i < to; i++ {
			require.NoError(t, nodes[0].AddFailure(t.Context(), []directory.FailureKey{failureKey(i), failureKey(-i)}))
		}
	}
	add(1, 101)
	require.Equal(t, 200, rows())
	_, err := db.ExecContext(t.Context(), "UPDATE recent_failures SET ends = clock_timestamp()")
	require.NoError(t, err)
	found, err := nodes[0].Failures(t.Context(), []directory.FailureKey{failureKey(1)})
	require.NoError(t, err)
	require.Empty(t, found)
	add(1001, 1051)
	require.Equal(t, 100, rows(), "two begin, four are forgotten")
	add(1, 51)
	require.Equal(t, 200, rows())
	found, err = nodes[0].Failures(t.Context(), []directory.FailureKey{failureKey(1), failureKey(1001)})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{found[failureKey(1)].Count, found[failureKey(1001)].Count})
}

// A failed log-in waits for no disk and no standby: its table is not logged.
func TestFailuresAreNotLogged(t *testing.T) {
	_, db := openNodes(t, 1)
	var persistence string
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT relpersistence FROM pg_class WHERE relname = 'recent_failures'").Scan(&persistence))
	require.Equal(t, "u", persistence)
}
