package storetest

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/store/postgres"
)

// Pair is a PostgreSQL server, the primary, and a synchronous standby of it. Both end with the test.
type Pair struct {
	Primary, Standby *Cluster
}

// patience is how long the servers may take. It only ends a test that would hang.
const patience = 2 * time.Minute

// NewPair starts two servers. It skips the test as [NewCluster] does.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	primary := NewCluster(t, ClusterSetup{Settings: []string{"max_connections = 300"}})
	p := &Pair{Primary: primary, Standby: primary.NewStandby(t)}
	require.Eventually(t, func() bool {
		return primary.Ask(t, `SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'`) == "1"
	}, patience, 10*time.Millisecond)
	// Only the primary has this setting: the standby, once promoted, waits for nobody.
	primary.Ask(t, `ALTER SYSTEM SET synchronous_standby_names = '*'`)
	primary.Ask(t, `SELECT pg_reload_conf()`)
	require.Eventually(t, func() bool { return primary.Ask(t, `SELECT sync_state FROM pg_stat_replication`) == "sync" }, patience, 10*time.Millisecond)
	_, err := postgres.Migrate(t.Context(), p.Address())
	require.NoError(t, err)
	return p
}

// Address returns the address of the database on both servers. It names the standby first.
func (p *Pair) Address() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable", p.Standby.Port, p.Primary.Port)
}

// Promote makes a standby a primary, and returns when it can be written.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	require.Equal(t, "true", c.Ask(t, `SELECT pg_promote()`))
}

// Kill ends the server as a power failure does.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	c.Stop(t, "immediate")
}

// Hang stops all processes of the server. Its connections stay open, and new ones are not answered.
func (c *Cluster) Hang(t testing.TB) {
	t.Helper()
	c.signal(t, syscall.SIGSTOP)
}

// Resume ends Hang.
func (c *Cluster) Resume(t testing.TB) {
	t.Helper()
	c.signal(t, syscall.SIGCONT)
}

// signal sends a signal to all processes of the server, first to the one that starts the others.
func (c *Cluster) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	parent := c.postmaster(t)
	require.NotZero(t, parent)
	require.NoError(t, syscall.Kill(parent, signal))
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", parent))
	require.NoError(t, err)
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		require.NoError(t, err)
		if err := syscall.Kill(pid, signal); !errors.Is(err, syscall.ESRCH) {
			require.NoError(t, err)
		}
	}
}

// postmaster returns the process that starts the others of the server, or 0 if the server does not run.
func (c *Cluster) postmaster(t testing.TB) int {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(c.Dir, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(file), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}

// Ask runs a statement on this server, and returns the value that it returns, as text.
func (c *Cluster) Ask(t testing.TB, statement string) (answer string) {
	t.Helper()
	db, err := sql.Open("pgx", c.SocketAddress("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	err = db.QueryRowContext(t.Context(), statement).Scan(&answer)
	if !errors.Is(err, sql.ErrNoRows) {
		require.NoError(t, err)
	}
	return answer
}
