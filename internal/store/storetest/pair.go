package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
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
	Primary, Standby *Server
}

// Server is a PostgreSQL server on a free port.
type Server struct {
	dir     string
	port    int
	bin     string
	account *syscall.Credential // nil: that of this process
}

// patience is how long the servers may take. It only ends a test that would hang.
const patience = 2 * time.Minute

// NewPair starts two servers. It skips the test if there is no TEST_DATABASE, so that all tests of
// PostgreSQL run together, or if the binaries of PostgreSQL are not installed.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	skipWithoutServer(t)
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup")
	require.NoError(t, err)
	if len(found) == 0 {
		t.Skip("PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "pair") // its parents are open to the account of the servers
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	account := accountOfServers(t, dir)
	p := &Pair{
		Primary: &Server{filepath.Join(dir, "a"), freePort(t), bin, account},
		Standby: &Server{filepath.Join(dir, "b"), freePort(t), bin, account},
	}
	p.Primary.run(t, "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	p.Primary.start(t)
	p.Standby.run(t, "pg_basebackup", "--host=127.0.0.1", "--port="+strconv.Itoa(p.Primary.port), "--username=postgres", "--write-recovery-conf", "--no-sync", "--checkpoint=fast")
	p.Standby.start(t)
	require.Eventually(t, func() bool {
		return p.Primary.Ask(t, `SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'`) == "1"
	}, patience, 10*time.Millisecond)
	// Only the primary has this setting: the standby, once promoted, waits for nobody.
	p.Primary.Ask(t, `ALTER SYSTEM SET synchronous_standby_names = '*'`)
	p.Primary.Ask(t, `SELECT pg_reload_conf()`)
	require.Eventually(t, func() bool { return p.Primary.Ask(t, `SELECT sync_state FROM pg_stat_replication`) == "sync" }, patience, 10*time.Millisecond)
	_, err = postgres.Migrate(t.Context(), p.Address())
	require.NoError(t, err)
	return p
}

// accountOfServers returns the account that runs the servers, and gives it the directory: PostgreSQL
// refuses to run as root.
func accountOfServers(t testing.TB, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	found, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	require.NoError(t, err)
	require.NoError(t, os.Chown(dir, int(uid), int(gid)))
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().(*net.TCPAddr).Port
}

// Address returns the address of the database on both servers. It names the standby first.
func (p *Pair) Address() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable", p.Standby.port, p.Primary.port)
}

// Promote makes a standby a primary, and returns when it can be written.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	require.Equal(t, "true", s.Ask(t, `SELECT pg_promote()`))
}

// Kill ends the server as a power failure does.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.run(t, "pg_ctl", "--mode=immediate", "--wait", "stop")
}

// Start starts the server again.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.run(t, "pg_ctl", "--log="+s.dir+".log", "--wait", "start")
}

// start starts the server for the first time. It ends with the test.
func (s *Server) start(t testing.TB) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(file, "fsync = off\nport = %d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 300\n", s.port)
	require.NoError(t, errors.Join(err, file.Close()))
	s.Start(t)
	t.Cleanup(func() {
		if s.postmaster(t) != 0 {
			s.Resume(t)
			s.Kill(t)
		}
	})
}

// Hang stops all processes of the server. Its connections stay open, and new ones are not answered.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
}

// Resume ends Hang.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGCONT)
}

// signal sends a signal to all processes of the server, first to the one that starts the others.
func (s *Server) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	parent := s.postmaster(t)
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
func (s *Server) postmaster(t testing.TB) int {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(s.dir, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(file), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}

// run runs a program of PostgreSQL on the server's directory.
func (s *Server) run(t testing.TB, program string, args ...string) {
	t.Helper()
	c := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(s.bin, program), append([]string{"--pgdata=" + s.dir}, args...)...) //nolint:gosec // a program of PostgreSQL, in a test
	c.Dir, c.SysProcAttr = filepath.Dir(s.dir), &syscall.SysProcAttr{Credential: s.account}
	output, err := c.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// Ask runs a statement on this server alone, and returns the value that it returns, as text.
func (s *Server) Ask(t testing.TB, statement string) (answer string) {
	t.Helper()
	db, err := sql.Open("pgx", fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	err = db.QueryRowContext(t.Context(), statement).Scan(&answer)
	if !errors.Is(err, sql.ErrNoRows) {
		require.NoError(t, err)
	}
	return answer
}
