package storetest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A Cluster is a PostgreSQL server of one test, for settings and faults that the server in TEST_DATABASE
// cannot have. It listens on 127.0.0.1 and on a socket in its directory, and ends with the test.
type Cluster struct {
	Dir  string // of the data, and of the socket
	Port int    // of the socket and on 127.0.0.1
}

// ClusterSetup says what a new cluster is like. Its zero value trusts everybody.
type ClusterSetup struct {
	HBA      string            // the content of pg_hba.conf; "": trust
	Files    map[string][]byte // to write into the directory of the data, by name
	Settings []string          // lines of postgresql.conf
}

// NewCluster starts an empty server, whose superuser is postgres. It skips the test if there is no server
// in TEST_DATABASE, because then there may be no programs of PostgreSQL either.
func NewCluster(t testing.TB, setup ClusterSetup) *Cluster {
	t.Helper()
	skipWithoutServer(t)
	c := newDirectory(t)
	c.run(t, "initdb", "--pgdata="+c.Dir, "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	if setup.HBA != "" {
		c.write(t, "pg_hba.conf", []byte(setup.HBA))
	}
	for name, content := range setup.Files {
		c.write(t, name, content)
	}
	c.Start(t, append([]string{"fsync = off"}, setup.Settings...)...)
	return c
}

// NewStandby starts a copy of c that follows it and can only be read.
func (c *Cluster) NewStandby(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	s := newDirectory(t)
	s.run(t, "pg_basebackup", "--pgdata="+s.Dir, "--host="+c.Dir, "--port="+strconv.Itoa(c.Port), "--username=postgres",
		"--checkpoint=fast", "--no-sync", "--write-recovery-conf")
	s.Start(t, settings...)
	return s
}

// Start starts a server that is stopped, after adding lines to its postgresql.conf.
func (c *Cluster) Start(t testing.TB, settings ...string) {
	t.Helper()
	settings = append(settings, "listen_addresses = '127.0.0.1'", "port = "+strconv.Itoa(c.Port), "unix_socket_directories = '"+c.Dir+"'")
	file, err := os.OpenFile(filepath.Join(c.Dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString("\n" + strings.Join(settings, "\n") + "\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	c.run(t, "pg_ctl", "--pgdata="+c.Dir, "--log="+filepath.Join(c.Dir, "server.log"), "--wait", "--timeout=600", "start")
}

// Stop ends the server. The mode is smart, fast or immediate, as for pg_ctl.
func (c *Cluster) Stop(t testing.TB, mode string) {
	t.Helper()
	c.run(t, "pg_ctl", "--pgdata="+c.Dir, "--mode="+mode, "--wait", "stop")
}

// Exec runs statements as the superuser, each by itself.
func (c *Cluster) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), c.SocketAddress(database))
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close(context.WithoutCancel(t.Context()))) }()
	for _, statement := range statements {
		_, err := connection.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// SocketAddress returns the address of a database for the superuser, by the socket.
func (c *Cluster) SocketAddress(database string) string {
	query := url.Values{"host": {c.Dir}, "port": {strconv.Itoa(c.Port)}}
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: query.Encode()}).String()
}

// newDirectory returns a cluster that has nothing but a directory and a port.
func newDirectory(t testing.TB) *Cluster {
	t.Helper()
	parent, err := os.MkdirTemp("", "pg") // the path of a socket must be short
	require.NoError(t, err)
	require.NoError(t, os.Chmod(parent, 0o755)) //nolint:gosec // another user runs the server
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &Cluster{Dir: filepath.Join(parent, "data"), Port: free.Addr().(*net.TCPAddr).Port}
	require.NoError(t, free.Close())
	require.NoError(t, os.Mkdir(c.Dir, 0o700))
	c.give(t, c.Dir)
	t.Cleanup(func() {
		if c.postmaster(t) != 0 {
			c.Resume(t)
			c.Kill(t)
		}
		require.NoError(t, os.RemoveAll(parent))
	})
	return c
}

// write writes a file into the directory. Servers refuse keys that others may read.
func (c *Cluster) write(t testing.TB, name string, content []byte) {
	t.Helper()
	path := filepath.Join(c.Dir, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	c.give(t, path)
}

// give makes the user that runs the server the owner of a file.
func (c *Cluster) give(t testing.TB, path string) {
	t.Helper()
	if owner := serverUser(t); owner != nil {
		require.NoError(t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
	}
}

// run runs a program of the newest PostgreSQL on this machine.
func (c *Cluster) run(t testing.TB, program string, args ...string) {
	t.Helper()
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	require.NoError(t, err)
	require.NotEmpty(t, versions, "install PostgreSQL")
	newest := slices.MaxFunc(versions, func(a, b string) int { return cmp.Compare(majorOf(a), majorOf(b)) })
	command := exec.CommandContext(context.WithoutCancel(t.Context()), newest, args...) //nolint:gosec // tests choose the program
	command.Dir, command.Env = c.Dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: serverUser(t)}
	// The server inherits the output of pg_ctl, so a pipe would not end before the server does.
	log, err := os.Create(filepath.Join(filepath.Dir(c.Dir), program+".log"))
	require.NoError(t, err)
	command.Stdout, command.Stderr = log, log
	err = command.Run()
	require.NoError(t, log.Close())
	if err != nil {
		output, _ := os.ReadFile(log.Name())
		serverLog, _ := os.ReadFile(filepath.Join(c.Dir, "server.log"))
		require.NoError(t, err, fmt.Sprintf("%s\n%s%s", command, output, serverLog))
	}
}

// majorOf returns the version of the PostgreSQL that a path below /usr/lib/postgresql belongs to.
func majorOf(path string) int {
	major, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return major
}

// serverUser returns the user postgres if the test runs as root, which the server refuses to run as.
// Otherwise it returns nil.
func serverUser(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	found, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
