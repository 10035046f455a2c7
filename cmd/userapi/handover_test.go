package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// systemd plays the part of systemd that keeps file descriptors over a restart.
type systemd struct {
	socket string // NOTIFY_SOCKET

	mu       sync.Mutex
	stored   []storedFile
	messages []string // without READY=1
	ready    int      // how many times a server was ready
}

// storedFile is a file descriptor in the store. It is no [os.File], because the Fd of one would let a server block in
// accept(2): all descriptors of a socket have one mode.
type storedFile struct {
	name string // FDNAME
	fd   int
}

// startSystemd starts to take messages at a socket. A path that begins with @ is a socket without a file.
func startSystemd(t *testing.T, socket string) *systemd {
	t.Helper()
	d := &systemd{socket: socket}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for d.receive(t, conn) {
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-ended
		d.stop()
	})
	return d
}

// receive handles a message, and reports false if the socket was closed.
func (d *systemd) receive(t *testing.T, conn *net.UnixConn) bool {
	message, control := make([]byte, 4096), make([]byte, syscall.CmsgSpace(64*4))
	n, controls, _, _, err := conn.ReadMsgUnix(message, control)
	if err != nil {
		return false
	}
	var fds []int
	found, err := syscall.ParseSocketControlMessage(control[:controls])
	if err != nil {
		t.Error(err)
	}
	for i := range found {
		rights, err := syscall.ParseUnixRights(&found[i])
		if err != nil {
			t.Error(err)
		}
		for _, fd := range rights {
			syscall.CloseOnExec(fd)
		}
		fds = append(fds, rights...)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	text := string(message[:n])
	if text == "READY=1" {
		d.ready++
		return true
	}
	d.messages = append(d.messages, text)
	switch {
	case text == "BARRIER=1" && len(fds) == 1:
		_ = syscall.Close(fds[0])
	case text == "FDSTORE=1\nFDNAME=api" && len(fds) == 1:
		d.stored = append(d.stored, storedFile{"api", fds[0]})
	case text == "FDSTOREREMOVE=1\nFDNAME=api" && len(fds) == 0:
		d.forget("api")
	default:
		t.Errorf("systemd got %q with %d descriptors", text, len(fds))
	}
	return true
}

// forget closes what is stored under one of these names.
func (d *systemd) forget(names ...string) {
	d.stored = slices.DeleteFunc(d.stored, func(f storedFile) bool {
		return slices.Contains(names, f.name) && syscall.Close(f.fd) == nil
	})
}

// stop closes everything that is stored, as 'systemctl stop' does.
func (d *systemd) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget("api", "other")
}

// waitForReady waits until so many servers have said that they are ready. What they have sent before has arrived then.
func (d *systemd) waitForReady(servers int) {
	apitest.WaitFor(func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.ready == servers
	})
}

// received returns the messages up to now.
func (d *systemd) received() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.messages)
}

// store puts a descriptor into the store that no server has sent.
func (d *systemd) store(t *testing.T, name string, file *os.File) {
	t.Helper()
	fd, err := syscall.Dup(int(file.Fd()))
	require.NoError(t, err)
	syscall.CloseOnExec(fd)
	require.NoError(t, file.Close())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stored = append(d.stored, storedFile{name, fd})
}

// service returns the command of a service that gets what is stored.
func (d *systemd) service(t *testing.T, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	return d.serviceWith(t, "$$", c)
}

// serviceWith is service with a value of LISTEN_PID. $$ is right.
func (d *systemd) serviceWith(t *testing.T, pid string, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	c.Env = append(c.Env, "NOTIFY_SOCKET="+d.socket)
	if len(d.stored) == 0 {
		return c
	}
	var names []string
	for _, stored := range d.stored {
		fd, err := syscall.Dup(stored.fd)
		require.NoError(t, err)
		syscall.CloseOnExec(fd)
		c.ExtraFiles, names = append(c.ExtraFiles, os.NewFile(uintptr(fd), stored.name)), append(names, stored.name)
	}
	c.Env = append(c.Env, fmt.Sprint("LISTEN_FDS=", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	return inShell(t, "export LISTEN_PID="+pid, c)
}

// keptServer is a service whose socket systemd keeps over restarts.
type keptServer struct {
	*server
	*systemd
	dir    string
	listen string // --listen
	starts int
}

// startKept starts a service.
func startKept(t *testing.T, listen string) *keptServer {
	t.Helper()
	dir := t.TempDir()
	s := &keptServer{systemd: startSystemd(t, filepath.Join(dir, "notify")), dir: dir, listen: listen}
	s.start(t, os.Args[0])
	if listen == "127.0.0.1:0" {
		s.listen = strings.TrimPrefix(s.url, "http://")
	}
	return s
}

// start starts the service with a program.
func (s *keptServer) start(t *testing.T, program string) {
	t.Helper()
	c := command(t, s.dir, nil, "serve", "--listen="+s.listen, "--ops-listen=off")
	c.Path = program
	s.server = waitForServer(t, s.service(t, c))
	s.starts++
	s.waitForReady(s.starts)
}

// restart ends the process with SIGTERM and starts another one.
func (s *keptServer) restart(t *testing.T, program string) {
	t.Helper()
	code, log := s.terminate(t)
	require.Zero(t, code, log)
	require.Contains(t, log, "method=PUT", "the server was in use")
	s.start(t, program)
}

// requireNoFailureOver restarts the service under the load of eight clients, who open a connection for each request.
func (s *keptServer) requireNoFailureOver(t *testing.T, programs ...string) {
	t.Helper()
	c := &cluster{driver: "sqlite3", database: s.dir + "/userapi.db", token: readToken(t, s.dir+"/userapi.token")}
	const clients = 8
	s.createUsers(t, c.token, clients)
	var writers []*versionWriter
	for i := range clients {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		writers = append(writers, &versionWriter{client: client, url: s.url, token: c.token, user: 2 + i, version: 1})
	}
	underLoad(t, writers, func(wait func(int)) {
		for _, program := range programs {
			wait(50)
			s.restart(t, program)
		}
		wait(50)
	})
	c.requireNoFailure(t, writers)
	require.Equal(t, []string{"FDSTORE=1\nFDNAME=api"}, s.received(), "all processes served on the first socket")
	_, log := s.terminate(t)
	require.NotContains(t, log, "level=WARN")
}

// A service under load is restarted. Connections that come meanwhile wait, and no request fails.
func TestRestartKeepsTheSocket(t *testing.T) {
	t.Parallel()
	startKept(t, "127.0.0.1:0").requireNoFailureOver(t, os.Args[0], os.Args[0], os.Args[0])
}

// A service under load is upgraded to another version and back, and then to one with a migration. No request fails.
func TestUpgradeKeepsTheSocket(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	const contract, migrate = "internal/contract/contract.go", "internal/store/sqlite/migrate.go"
	otherVersion := map[string]string{contract: replaceIn(t, filepath.Join(root, contract), `return c\.document\.Info\.Version`, `return "99.0.0"`)}
	other := buildVariant(t, root, otherVersion)

	newest := regexp.MustCompile(`const NewestSchema = (\d+)`)
	text, err := os.ReadFile(filepath.Join(root, migrate))
	require.NoError(t, err)
	number, err := strconv.Atoi(newest.FindStringSubmatch(string(text))[1])
	require.NoError(t, err)
	later := buildVariant(t, root, map[string]string{
		contract: otherVersion[contract],
		migrate:  replaceIn(t, filepath.Join(root, migrate), newest.String(), fmt.Sprint("const NewestSchema = ", number+1)),
		fmt.Sprintf("internal/store/sqlite/migrations/%05d_later.sql", number+1): "-- +goose Up\nCREATE INDEX later ON users (phone, email);\n",
	})

	s := startKept(t, "127.0.0.1:0")
	s.requireNoFailureOver(t, other, os.Args[0], later)
	require.Contains(t, s.log.String(), "release=99.0.0")
	require.Contains(t, s.log.String(), "kept a backup before the migration")
	var schema int
	require.NoError(t, openDatabase(t, s.dir).QueryRowContext(t.Context(), `SELECT max(version_id) FROM goose_db_version`).Scan(&schema))
	require.Equal(t, number+1, schema)
}

// replaceIn returns the text of a file in which one place was changed.
func replaceIn(t *testing.T, path, pattern, by string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	place := regexp.MustCompile(pattern)
	require.Len(t, place.FindAllIndex(text, -1), 1)
	return place.ReplaceAllLiteralString(string(text), by)
}

// buildVariant builds userapi from the sources in root, with other texts in some files.
func buildVariant(t *testing.T, root string, texts map[string]string) (program string) {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	for path, text := range texts {
		copied := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		require.NoError(t, os.WriteFile(copied, []byte(text), 0o600))
		replaced[filepath.Join(root, path)] = copied
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	program = filepath.Join(dir, "userapi")
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program}
	build, _ := debug.ReadBuildInfo()
	for _, setting := range build.Settings {
		if setting.Key == "-race" && setting.Value == "true" {
			args = append(args, "-race") // the packages are in the cache of the compiler, then
		}
	}
	printed, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput()
	require.NoError(t, err, string(printed))
	return program
}

// A service whose address has changed listens at the new one, and the old one is closed.
func TestChangedAddressIsNotKept(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "unix:old"} {
		s := startKept(t, listen)
		old, isUnix := strings.CutPrefix(s.listen, "unix:")
		s.terminate(t)
		network := "tcp"
		if isUnix {
			network, old = "unix", filepath.Join(s.dir, old)
		}
		waiting, err := (&net.Dialer{}).DialContext(t.Context(), network, old)
		require.NoError(t, err, "the old address is kept until the next start")
		require.NoError(t, waiting.Close())

		s.listen = "127.0.0.1:0"
		s.start(t, os.Args[0])
		require.Equal(t, []string{"FDSTORE=1\nFDNAME=api", "FDSTOREREMOVE=1\nFDNAME=api", "BARRIER=1", "FDSTORE=1\nFDNAME=api"}, s.received())
		_, err = (&net.Dialer{}).DialContext(t.Context(), network, old)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		status, _ := s.sendRequest(t, "", "GET", "/healthz", "")
		require.Equal(t, 200, status)
	}
}

// The port of an address may stay while the rest of it changes. The new address can be opened, because the start
// waits until systemd has closed the old one.
func TestChangedHostOnTheSamePort(t *testing.T) {
	t.Parallel()
	s := startKept(t, "127.0.0.1:0")
	_, port, err := net.SplitHostPort(s.listen)
	require.NoError(t, err)
	for _, change := range []struct {
		host string
		kept bool
	}{{"0.0.0.0", false}, {"", true}, {"[::]", true}, {"127.0.0.1", false}, {"localhost", true}} {
		s.terminate(t)
		before := len(s.received())
		s.listen = change.host + ":" + port
		s.start(t, os.Args[0])
		require.Equal(t, change.kept, len(s.received()) == before, s.listen)
		s.url = "http://127.0.0.1:" + port
		status, _ := s.sendRequest(t, "", "GET", "/healthz", "")
		require.Equal(t, 200, status)
	}
}

// A Unix socket is kept, too. If its file was removed, nobody can connect to it, and it is opened again.
func TestRestartKeepsAUnixSocket(t *testing.T) {
	t.Parallel()
	s := startKept(t, "unix:api")
	path := filepath.Join(s.dir, "api")
	first, err := os.Stat(path)
	require.NoError(t, err)
	dial := func() net.Conn {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
		require.NoError(t, err)
		return conn
	}
	s.terminate(t)
	waiting := dial()
	_, err = fmt.Fprint(waiting, "GET /healthz HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	s.start(t, os.Args[0])
	status := make([]byte, len("HTTP/1.0 200 OK"))
	_, err = waiting.Read(status)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.0 200 OK", string(status))
	require.NoError(t, waiting.Close())
	second, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(first, second))

	s.terminate(t)
	require.NoError(t, os.Remove(path))
	s.start(t, os.Args[0])
	require.NoError(t, dial().Close())

	s.terminate(t)
	s.stop()
	_, err = (&net.Dialer{}).DialContext(t.Context(), "unix", path)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	s.start(t, os.Args[0])
	require.NoError(t, dial().Close())
}

// A start that fails refuses the connections that waited for it.
func TestFailedStartKeepsNoSocket(t *testing.T) {
	t.Parallel()
	s := startKept(t, "127.0.0.1:0")
	s.terminate(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "userapi.db"), []byte("this is no database"), 0o600))
	waiting, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.listen)
	require.NoError(t, err)
	c := command(t, s.dir, nil, "serve", "--listen="+s.listen, "--ops-listen=off")
	_, stderr, code := runToExit(t, s.service(t, c))
	require.Equal(t, exitFailed, code, stderr)
	require.Equal(t, []string{"FDSTORE=1\nFDNAME=api", "FDSTOREREMOVE=1\nFDNAME=api", "BARRIER=1"}, s.received())
	for _, file := range c.ExtraFiles {
		require.NoError(t, file.Close())
	}
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.NoError(t, waiting.Close())
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", s.listen)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// At the end, a connection that says nothing is closed, and one with a request is not.
func TestSilentConnectionsAreClosed(t *testing.T) {
	var accepted acceptedConns
	silent, other := net.Pipe()
	busy, _ := net.Pipe()
	accepted.note(silent, http.StateNew)
	accepted.note(busy, http.StateNew)
	accepted.note(busy, http.StateActive)
	require.Equal(t, 2, accepted.closeSilent())
	accepted.conns[silent] = time.Now().Add(-2 * silentTimeout)
	require.Equal(t, 2, accepted.closeSilent())
	_, err := other.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = silent.Write(nil)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.NoError(t, busy.SetDeadline(time.Now()), "it is open")
	accepted.note(silent, http.StateClosed)
	accepted.note(busy, http.StateIdle)
	require.Zero(t, accepted.closeSilent())
}

// listeningFile returns a listening socket, and its address.
func listeningFile(t *testing.T) (file *os.File, address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	file, err = l.(*net.TCPListener).File()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return file, l.Addr().String()
}

// A server takes only the listening socket that systemd has kept for it. It closes everything else that it was given.
func TestForeignDescriptorsAreClosed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	plain, err := os.Create(filepath.Join(folder, "plain"))
	require.NoError(t, err)
	packets, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(folder, "packets"), Net: "unixgram"})
	require.NoError(t, err)
	defer func() { require.NoError(t, packets.Close()) }()
	packetFile, err := packets.File()
	require.NoError(t, err)
	silent, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	other, address := listeningFile(t)

	d := startSystemd(t, "@"+folder) // a socket without a file
	d.store(t, "api", plain)
	d.store(t, "api", packetFile)
	d.store(t, "api", os.NewFile(uintptr(silent), "silent"))
	d.store(t, "other", other)
	s := waitForServer(t, d.service(t, serveCommandIn(t, folder, nil)))
	d.stop()
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, []string{"FDSTOREREMOVE=1\nFDNAME=api", "BARRIER=1", "FDSTORE=1\nFDNAME=api"}, d.received())
	status, _ := s.sendRequest(t, "", "GET", "/healthz", "")
	require.Equal(t, 200, status)
	folderOfFiles := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	for _, name := range namesIn(t, folderOfFiles) {
		target, err := os.Readlink(filepath.Join(folderOfFiles, name))
		require.False(t, err == nil && strings.HasSuffix(target, "/plain"), "the server has a descriptor of %s", target)
	}
}

// What was meant for another process is not taken.
func TestDescriptorsOfAnotherProcessAreIgnored(t *testing.T) {
	t.Parallel()
	d := startSystemd(t, filepath.Join(t.TempDir(), "notify"))
	file, address := listeningFile(t)
	d.store(t, "api", file)
	c := command(t, t.TempDir(), nil, "serve", "--listen="+address, "--ops-listen=off")
	_, stderr, code := runToExit(t, d.serviceWith(t, "$((1 + $$))", c))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "address already in use", "the descriptor is still open")
	require.Empty(t, d.received())
}

// mock listens at the same settings, but systemd has nothing to do with it.
func TestMockKeepsNoSocket(t *testing.T) {
	t.Parallel()
	d := startSystemd(t, filepath.Join(t.TempDir(), "notify"))
	file, address := listeningFile(t)
	d.store(t, "api", file)
	c := command(t, t.TempDir(), nil, "mock", "--listen="+address, "--ops-listen=off")
	_, stderr, code := runToExit(t, d.service(t, c))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "address already in use")
	require.Empty(t, d.received())
}

// A server whose socket cannot be kept says so once and serves. It removes its Unix socket at the end.
func TestServeWhereSystemdIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := command(t, dir, []string{"NOTIFY_SOCKET=" + filepath.Join(dir, "gone")}, "serve", "--listen=unix:api", "--ops-listen=off")
	s := waitForServer(t, c)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(dir, "api"))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	code, log := s.terminate(t)
	require.Zero(t, code)
	require.Equal(t, 2, strings.Count(log, "level=WARN"), log)
	require.Contains(t, log, `level=WARN msg="systemd cannot be told that the server is ready" error=`)
	require.Contains(t, log, `level=WARN msg="systemd cannot keep the socket of the API: connections are refused while the service restarts" error=`)
	require.NotContains(t, namesIn(t, dir), "api")
}
