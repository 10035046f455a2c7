package apitest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nginx is nginx in front of nodes.
type Nginx struct {
	URL       string         // speaks HTTP/1.1
	SecureURL string         // speaks HTTP/2 over TLS
	Roots     *x509.CertPool // has the certificate of SecureURL

	dir     string
	process *os.Process
	block   string // of the manual, without the addresses of the nodes
}

// nginxFrame is around the block. %[1]s is a directory.
const nginxFrame = `daemon off;
worker_processes 2;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log notice;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body;
proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi;
scgi_temp_path %[1]s/scgi;
%[2]s}
`

// NginxBlock returns the configuration that the operator's manual shows.
func NginxBlock(t testing.TB) string {
	t.Helper()
	manual, err := os.ReadFile("../../cmd/userapi/README.md") // in the directory of each package that tests HTTP
	require.NoError(t, err)
	_, block, found := strings.Cut(string(manual), "```nginx\n")
	require.True(t, found, "the manual has no block for nginx")
	block, _, _ = strings.Cut(block, "```")
	return block
}

// StartNginx starts nginx with a block like NginxBlock, in front of nodes, whose addresses are HOST:PORT. It replaces the
// addresses and the certificate in the block. nginx ends with the test. The test is skipped if nginx is not
// installed.
func StartNginx(t testing.TB, block string, nodes ...string) *Nginx {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed: 'apt-get install nginx' lets this test run")
	}
	dir, err := os.MkdirTemp("", "nginx")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // if root starts nginx, another user runs its workers
	n := &Nginx{dir: dir, block: block, Roots: writeCertificate(t, dir)}

	// nginx takes over the listeners that its environment names. So no other process can take their ports, and
	// clients need not wait until nginx has started.
	var addresses []string
	// If the context of the test killed nginx, its workers would go on.
	c := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "-p", dir, "-c", n.configuration()) //nolint:gosec // nginx from PATH
	c.Env = []string{"NGINX=3;4;"}
	for range 2 {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		file, err := listener.(*net.TCPListener).File()
		require.NoError(t, err)
		addresses, c.ExtraFiles = append(addresses, listener.Addr().String()), append(c.ExtraFiles, file)
		defer func() {
			require.NoError(t, listener.Close())
			require.NoError(t, file.Close())
		}()
	}
	n.URL, n.SecureURL = "http://"+addresses[0], "https://"+addresses[1]
	n.replace(t, `listen 443 ssl http2;`, "listen "+addresses[0]+"; listen "+addresses[1]+" ssl http2;")
	n.replace(t, `/etc/ssl/\S+\.pem`, filepath.Join(dir, "certificate"))
	n.replace(t, `/etc/ssl/\S+\.key`, filepath.Join(dir, "key"))
	n.write(t, nodes)
	require.NoError(t, c.Start())
	for _, file := range c.ExtraFiles {
		require.NoError(t, syscall.SetNonblock(int(file.Fd()), true)) // as nginx needs it; Start has changed it
	}
	n.process = c.Process
	t.Cleanup(func() {
		require.NoError(t, n.process.Signal(syscall.SIGTERM))
		_ = c.Wait() // an error if nginx was not ready for signals yet
		if t.Failed() {
			t.Log(n.errors(t))
		}
	})
	return n
}

// writeCertificate writes the certificate of httptest, which is for 127.0.0.1.
func writeCertificate(t testing.TB, dir string) *x509.CertPool {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	certificate := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"certificate": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		"key":         {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}

// Reload lets nginx read its configuration again, with other nodes, as 'nginx -s reload' does. It returns
// when nginx has begun to. "HOST:PORT down" is a node that gets no requests.
func (n *Nginx) Reload(t testing.TB, nodes ...string) {
	t.Helper()
	n.write(t, nodes)
	before := strings.Count(n.errors(t), reconfigured)
	require.NoError(t, n.process.Signal(syscall.SIGHUP))
	WaitFor(func() bool { return strings.Count(n.errors(t), reconfigured) > before })
}

// reconfigured is in the log of each reload, when the new workers have started.
const reconfigured = "reconfiguring"

// errors returns the log of nginx.
func (n *Nginx) errors(t testing.TB) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(n.dir, "error.log"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(log)
}

func (n *Nginx) configuration() string { return filepath.Join(n.dir, "nginx.conf") }

// write writes the configuration, with these nodes in the place of those of the manual.
func (n *Nginx) write(t testing.TB, nodes []string) {
	t.Helper()
	with := *n
	with.replace(t, `(?m)( +server [0-9.:]+;\n)+`, "server "+strings.Join(nodes, ";\nserver ")+";\n")
	configuration := fmt.Sprintf(nginxFrame, n.dir, with.block)
	require.NoError(t, os.WriteFile(n.configuration(), []byte(configuration), 0o600))
}

// replace replaces what the pattern matches, once.
func (n *Nginx) replace(t testing.TB, pattern, by string) {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllString(n.block, -1)
	require.Len(t, found, 1, "in the block of the manual, %s", pattern)
	n.block = strings.Replace(n.block, found[0], by, 1)
}

// behindNginx is a transport to nginx. It removes the header that nginx adds to answers, because it is not in the contract.
type behindNginx struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b behindNginx) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Header.Del("Server")
	}
	return response, err
}
