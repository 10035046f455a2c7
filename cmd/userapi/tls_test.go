package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"userapi/internal/apitest"
)

// authority issues the certificates of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	roots       *x509.CertPool
	issued      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	content, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	a := &authority{key: key, roots: x509.NewCertPool(), issued: 1}
	a.certificate, err = x509.ParseCertificate(content)
	require.NoError(t, err)
	a.roots.AddCert(a.certificate)
	return a
}

// issue returns a new certificate for 127.0.0.1, its key and its serial number.
func (a *authority) issue(t *testing.T, notAfter time.Time) (certificate, key []byte, serial int64) {
	t.Helper()
	a.issued++
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	content, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(a.issued), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
	}, a.certificate, own.Public(), a.key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(own)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), a.issued
}

// install issues a certificate into dir, and returns its serial number. It replaces the two files one after the other.
func (a *authority) install(t *testing.T, dir string) (serial int64) {
	t.Helper()
	certificate, key, serial := a.issue(t, time.Now().Add(time.Hour))
	replaceFile(t, filepath.Join(dir, "tls.pem"), certificate)
	replaceFile(t, filepath.Join(dir, "tls.key"), key)
	return serial
}

func replaceFile(t *testing.T, path string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", content, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// client returns a transport that trusts the authority, and how many connections it has opened.
func (a *authority) client(t *testing.T, http2 bool) (*http.Transport, *atomic.Int64) {
	t.Helper()
	var opened atomic.Int64
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: a.roots}, ForceAttemptHTTP2: http2,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			opened.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport, &opened
}

// serial returns the number of the certificate that the server shows on a new connection.
func (a *authority) serial(t *testing.T, s *server) int64 {
	t.Helper()
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: a.roots}}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "https://"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// startTLS starts a server with a new certificate. Its client uses HTTP/2.
func startTLS(t *testing.T, a *authority, dir string, args ...string) *server {
	t.Helper()
	a.install(t, dir)
	return a.overTLS(t, startServer(t, dir, nil, append([]string{"--tls-cert=tls.pem", "--tls-key=tls.key"}, args...)...))
}

func (a *authority) overTLS(t *testing.T, s *server) *server {
	t.Helper()
	s.url = strings.Replace(s.url, "http:", "https:", 1)
	transport, _ := a.client(t, true)
	s.client = apitest.NewClient(t, transport)
	return s
}

// With a certificate, the API is served over HTTPS, with HTTP/2 and HTTP/1.1, and with the same limits. The operator's
// listener stays without.
func TestHTTPS(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	s := startTLS(t, a, dir)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	for proto, http2 := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		transport, opened := a.client(t, http2)
		client := &http.Client{Transport: apitest.NewClient(t, transport).Transport}
		for i, status := range []int{200, 431, 200} {
			size := []int{12000, 30000, 1}[i] // in this order, because the answer to the first request tells the client the limit
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/healthz", nil)
			require.NoError(t, err)
			request.Header.Set("X-Long", strings.Repeat("x", size))
			response, err := transport.RoundTrip(request)
			if http2 && status == 431 {
				require.ErrorContains(t, err, "larger than peer's advertised limit")
				continue
			}
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, proto, response.Proto)
			require.Equal(t, status, response.StatusCode)
			require.Empty(t, response.Header.Get("Strict-Transport-Security"), "it would count for all ports of the host")
		}
		if http2 {
			require.EqualValues(t, 1, opened.Load())
		}
		s.client = client
		status, answer := s.sendRequest(t, token, "PUT", "/openapi/v1/users/1", `{"phone":"1"}`)
		require.Equal(t, 200, status, answer)
		status, _ = s.sendRequest(t, token, "PUT", "/openapi/v1/users/1", `{"phone":"`+strings.Repeat("1", 64<<10)+`"}`)
		require.Equal(t, 413, status)
	}
	require.Equal(t, "ready\n", get(t, http.DefaultClient, s.opsURL(t)+"/readyz"))

	old := &tls.Config{RootCAs: a.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	_, err := (&tls.Dialer{Config: old}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "https://"))
	require.ErrorContains(t, err, "protocol version")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(s.url, "https", "http", 1), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 400, response.StatusCode, "a request without TLS")

	code, log := s.terminate(t)
	require.Equal(t, 0, code)
	require.Contains(t, log, "tls=true")
	key, err := os.ReadFile(filepath.Join(dir, "tls.key"))
	require.NoError(t, err)
	require.NotContains(t, log, strings.Split(string(key), "\n")[1])
}

// A refusal keeps a connection of HTTP/1.1 with TLS open.
func TestRefusalOverTLSKeepsTheConnection(t *testing.T) {
	a := newAuthority(t)
	s := startTLS(t, a, t.TempDir())
	tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "https://"))
	require.NoError(t, err)
	whole := &wholeWrites{Conn: tcp}
	conn := tls.Client(whole, &tls.Config{RootCAs: a.roots, ServerName: "127.0.0.1"})
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.HandshakeContext(t.Context()))
	requireRefusalsKeep(t, struct {
		io.Reader
		io.Writer
	}{conn, writerFunc(func(content []byte) (int, error) { return whole.together(content, conn.Write) })})
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(content []byte) (int, error) { return w(content) }

// wholeWrites is a connection that can send several records of TLS together, so that a request arrives whole.
type wholeWrites struct {
	net.Conn
	collects  bool
	collected []byte
}

func (w *wholeWrites) Write(record []byte) (int, error) {
	if w.collects {
		w.collected = append(w.collected, record...)
		return len(record), nil
	}
	return w.Conn.Write(record)
}

// together sends what write makes of the content.
func (w *wholeWrites) together(content []byte, write func([]byte) (int, error)) (int, error) {
	w.collects, w.collected = true, nil
	n, err := write(content)
	w.collects = false
	if err != nil {
		return n, err
	}
	_, err = w.Conn.Write(w.collected)
	return n, err
}

// Certificates that cannot be used are faults, in the list of all faults. Those that clients refuse, and keys
// that others can read, are warnings.
func TestBadCertificates(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	certificate, key, _ := a.issue(t, time.Now().Add(-time.Minute))
	_, other, _ := a.issue(t, time.Now().Add(time.Hour))
	for name, content := range map[string][]byte{"tls.pem": certificate, "tls.key": key, "other.key": other, "empty": nil, "canary": []byte("canary")} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	for args, fault := range map[string]string{
		"--tls-cert=tls.pem":                       "USERAPI_TLS_KEY or --tls-key: name the file that has the key of the certificate: HTTPS needs both",
		"--tls-key=tls.key":                        "USERAPI_TLS_CERT or --tls-cert: name the file that has the certificate: HTTPS needs both",
		"--tls-cert= --tls-key=":                   "USERAPI_TLS_CERT or --tls-cert: name the file",
		"--tls-cert=missing --tls-key=tls.key":     "USERAPI_TLS_CERT or --tls-cert: the certificate cannot be read: open missing: no such file",
		"--tls-cert=tls.pem --tls-key=missing":     "USERAPI_TLS_KEY or --tls-key: the key of the certificate cannot be read: open missing: no such file",
		"--tls-cert=tls.pem --tls-key=other.key":   "USERAPI_TLS_CERT or --tls-cert: the certificate in tls.pem and the key in other.key cannot be used together: tls: private key does not match public key",
		"--tls-cert=empty --tls-key=tls.key":       "USERAPI_TLS_CERT or --tls-cert: the certificate in empty and",
		"--tls-cert=tls.pem --tls-key=canary":      "cannot be used together: tls: failed to find any PEM data in key input",
		"--tls-cert=tls.key --tls-key=tls.pem":     "cannot be used together: ",
		"--tls-cert=tls.pem --tls-key=. --listen=": "USERAPI_TLS_KEY or --tls-key: the key of the certificate cannot be read: read .: is a directory",
	} {
		_, stderr, code := runCommand(t, dir, nil, append([]string{"serve", "--drain=x"}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, fault)
		require.Contains(t, stderr, "--drain: ")
		require.NotContains(t, strings.ReplaceAll(stderr, "key in canary", ""), "canary")
	}
	require.NotContains(t, namesIn(t, dir), "userapi.db")
	require.NoError(t, os.Chmod(filepath.Join(dir, "tls.key"), 0o604))
	s := startServer(t, dir, nil, "--tls-cert=tls.pem", "--tls-key=tls.key")
	_, log := s.terminate(t)
	require.Contains(t, log, `level=WARN msg="clients refuse the certificate, because it has expired or is not valid yet"`)
	require.Contains(t, log, `level=WARN msg="all users of this machine may use the file with the key of the certificate: run 'chmod o= FILE'" file=tls.key`)
}

// A new certificate is used soon after both of its files are there, or at once after SIGHUP, which does not
// end the server. A bad one is an error in the log, once, and the old one stays in use. Connections stay open.
func TestCertificateIsReadAgain(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	s := startTLS(t, a, dir)
	transport, opened := a.client(t, true)
	kept := &http.Client{Transport: transport}
	require.Equal(t, "alive\n", get(t, kept, s.url+"/healthz"))
	first := a.serial(t, s)
	second := a.install(t, dir)
	require.Greater(t, second, first)
	apitest.WaitFor(func() bool { return a.serial(t, s) == second })

	certificate, key, third := a.issue(t, time.Now().Add(time.Hour))
	replaceFile(t, filepath.Join(dir, "tls.pem"), certificate) // without its key
	apitest.WaitFor(func() bool { return strings.Contains(s.log.String(), "level=ERROR") })
	require.Equal(t, second, a.serial(t, s))
	require.NoError(t, os.Remove(filepath.Join(dir, "tls.key")))
	apitest.WaitFor(func() bool { return strings.Count(s.log.String(), "level=ERROR") == 2 })
	require.Equal(t, second, a.serial(t, s))
	replaceFile(t, filepath.Join(dir, "tls.key"), key)
	apitest.WaitFor(func() bool { return a.serial(t, s) == third })
	require.Equal(t, 2, strings.Count(s.log.String(), "level=ERROR"), "once for each change")

	// Files that look like the old ones are only read after SIGHUP.
	for _, name := range []string{"tls.pem", "tls.key"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		require.NoError(t, err)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), len(content)), 0o600))
		require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	}
	reads := strings.Count(s.log.String(), "was not read again")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	apitest.WaitFor(func() bool { return strings.Count(s.log.String(), "was not read again") > reads })
	fourth := a.install(t, dir)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	apitest.WaitFor(func() bool { return a.serial(t, s) == fourth })
	require.Equal(t, "alive\n", get(t, kept, s.url+"/healthz"))
	require.EqualValues(t, 1, opened.Load())
	code, log := s.terminate(t)
	require.Equal(t, 0, code)
	require.Equal(t, 3, strings.Count(log, `level=INFO msg="the certificate was read again" file=tls.pem valid_until=`), "once for each good one")
	require.NotContains(t, log, "PRIVATE")
}

// Files are read once after each change, when both have stayed as they are from one look to the next.
func TestKeyPairSettles(t *testing.T) {
	dir := t.TempDir()
	p := &keyPair{certificateFile: filepath.Join(dir, "tls.pem"), keyFile: filepath.Join(dir, "tls.key")}
	looks := func(number int) (settled []bool) {
		for range number {
			settled = append(settled, p.settled())
		}
		return settled
	}
	require.Equal(t, []bool{false, false}, looks(2))
	replaceFile(t, p.certificateFile, []byte("1"))
	require.Equal(t, []bool{false}, looks(1))
	replaceFile(t, p.keyFile, []byte("1"))
	require.Equal(t, []bool{false, true, false, false}, looks(4))
	replaceFile(t, p.keyFile, []byte("2")) // as long as before
	require.Equal(t, []bool{false, true, false}, looks(3))
	require.NoError(t, os.Chtimes(p.keyFile, time.Unix(1, 0), time.Unix(1, 0)))
	require.Equal(t, []bool{false, true, false}, looks(3))
	require.NoError(t, os.Remove(p.certificateFile))
	require.Equal(t, []bool{false, true, false}, looks(3))
}

// stream is a request over HTTP/2 whose body goes on.
type stream struct {
	body   *io.PipeWriter
	answer chan result
}

type result struct {
	status int
	body   string
	err    error
}

// open sends the beginning of a request.
func (s *server) open(t *testing.T, transport http.RoundTripper, token, begin string, length int64) stream {
	t.Helper()
	read, write := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/openapi/v1/users/1", read)
	require.NoError(t, err)
	request.ContentLength = length
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer := make(chan result, 1)
	go func() {
		response, err := transport.RoundTrip(request)
		if err != nil {
			answer <- result{err: err}
			return
		}
		content, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		answer <- result{response.StatusCode, string(content), err}
	}()
	_, _ = io.WriteString(write, begin) // it fails if the answer is there already
	return stream{write, answer}
}

func (s stream) finish(t *testing.T, rest string) result {
	t.Helper()
	_, _ = io.WriteString(s.body, rest) // it fails if the answer is there already
	require.NoError(t, s.body.Close())
	return <-s.answer
}

// Over HTTP/2, a refusal ends its request alone, before its body has arrived. The others on the connection go on.
func TestRefusalsOverHTTP2EndNoOtherRequest(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	s := startTLS(t, a, dir)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	transport, opened := a.client(t, true)
	var accepted []stream
	for range 10 {
		accepted = append(accepted, s.open(t, transport, token, `{"phone":`, -1))
	}
	for range 10 {
		for _, refused := range []struct {
			token  string
			length int64
			status int
		}{{"ua_wrong", -1, 401}, {"ua_wrong", 1 << 20, 401}, {token, 1 << 20, 413}} {
			open := s.open(t, transport, refused.token, `{"phone":`, refused.length)
			answer := <-open.answer
			require.NoError(t, answer.err)
			require.Equal(t, refused.status, answer.status, answer.body)
			require.NoError(t, open.body.Close())
		}
	}
	long := s.open(t, transport, token, `{"phone":"`+strings.Repeat("1", 60<<10), -1)
	go func() { _, _ = io.WriteString(long.body, strings.Repeat("1", 60<<10)) }() // the server reads it to its limit
	answer := <-long.answer
	require.NoError(t, answer.err)
	require.Equal(t, 413, answer.status)
	for i, open := range accepted {
		answer := open.finish(t, fmt.Sprintf(`"%d"}`, i))
		require.NoError(t, answer.err)
		require.Equal(t, 200, answer.status, answer.body)
	}
	require.EqualValues(t, 1, opened.Load())
}

// A client of HTTP/2 that leaves while its answer is written is no failure of the server.
func TestClientsOfHTTP2MayLeave(t *testing.T) {
	a := newAuthority(t)
	s := startTLS(t, a, t.TempDir())
	config := &tls.Config{RootCAs: a.roots, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	address := strings.TrimPrefix(s.url, "https://")
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	_, err = io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	framer := http2.NewFramer(conn, conn)
	require.NoError(t, framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})) // it takes no body
	var head bytes.Buffer
	encoder := hpack.NewEncoder(&head)
	for name, value := range map[string]string{":method": "GET", ":scheme": "https", ":authority": address, ":path": "/openapi.yaml"} {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: name, Value: value}))
	}
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndStream: true, EndHeaders: true}))
	for {
		frame, err := framer.ReadFrame()
		require.NoError(t, err)
		if _, answered := frame.(*http2.HeadersFrame); answered {
			break
		}
	}
	require.NoError(t, conn.Close())
	apitest.WaitFor(func() bool { return strings.Contains(s.log.String(), "route=/openapi.yaml") })
	require.Regexp(t, `route=/openapi.yaml status=499 .* user_id=0\n`, s.log.String())
	require.NotContains(t, s.log.String(), "level=ERROR")
}

// While a server drains, its first answer tells a client of HTTP/2 to open another connection. What the server has begun
// to read is answered on the old one, and no request fails. SIGHUP does not end the drain.
func TestDrainOverHTTP2(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	s := startTLS(t, a, dir, "--drain=1h")
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	transport, opened := a.client(t, true)
	accepted := s.open(t, transport, token, `{"phone":`, -1)
	s.client = apitest.NewClient(t, transport)
	var stop atomic.Bool
	var requests sync.WaitGroup
	var done atomic.Int64
	for range 16 {
		requests.Go(func() {
			for !stop.Load() {
				status, answer := s.sendRequest(t, token, "PUT", "/openapi/v1/users/1", `{"phone":"1"}`)
				if status != 200 {
					t.Error(status, answer)
					return
				}
				done.Add(1)
			}
		})
	}
	more := func() {
		before := done.Load()
		apitest.WaitFor(func() bool { return done.Load() > before+50 || t.Failed() })
		require.False(t, t.Failed())
	}
	more()
	require.EqualValues(t, 1, opened.Load())
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	more()
	require.Greater(t, opened.Load(), int64(1))
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	more()
	apitest.WaitFor(func() bool { return strings.Contains(s.log.String(), "the certificate was read again") })
	more()
	answer := accepted.finish(t, `"2"}`)
	require.NoError(t, answer.err)
	require.Equal(t, 200, answer.status, answer.body)
	stop.Store(true)
	requests.Wait()
	code, log := s.terminate(t)
	require.Equal(t, 0, code, log)
}

// Over HTTP/2, a connection has many requests, so they are counted, too.
func TestRequestsOverHTTP2AreLimited(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	a.install(t, dir)
	s := a.overTLS(t, waitForServer(t, inShell(t, "ulimit -n 64", serveCommandIn(t, dir, nil, "--tls-cert=tls.pem", "--tls-key=tls.key"))))
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	transport, _ := a.client(t, true)
	var accepted []stream
	for len(accepted) < 100 {
		accepted = append(accepted, s.open(t, transport, token, `{"phone":`, -1))
		if status, _ := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", ""); status == 503 {
			break
		}
	}
	require.Less(t, len(accepted), 60, "as many as connections")
	refused, err := s.attempt(t, token, "GET", "/openapi/v1/users/1", "")
	require.NoError(t, err)
	require.Equal(t, 503, refused.Status)
	require.NotEmpty(t, refused.Header.Get("Retry-After"))
	for _, open := range accepted {
		answer := open.finish(t, `"1"}`)
		require.NoError(t, answer.err)
		require.Contains(t, []int{200, 503}, answer.status, answer.body)
	}
	status, answer := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, answer)
	_, log := s.terminate(t)
	require.Contains(t, log, "requests are in progress")
}

// Handshakes that fail are logged once a minute, because strangers can make any number of them.
func TestFailedHandshakesAreLoggedOnce(t *testing.T) {
	a := newAuthority(t)
	s := startTLS(t, a, t.TempDir())
	address := strings.TrimPrefix(s.url, "https://")
	for range 20 {
		_, err := (&tls.Dialer{Config: &tls.Config{RootCAs: x509.NewCertPool()}}).DialContext(t.Context(), "tcp", address)
		require.ErrorContains(t, err, "unknown authority")
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: a.roots, NextProtos: []string{"h2"}}}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		_, err = fmt.Fprint(conn, "GET / HTTP/1.1\r\n\r\n            ")
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, conn) // until the server closes it
		require.NoError(t, conn.Close())
	}
	_, log := s.terminate(t)
	require.Equal(t, 1, strings.Count(log, "TLS handshake error"), log)
	require.LessOrEqual(t, strings.Count(log, "http2: server"), 2, log)
}
