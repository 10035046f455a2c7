package apitest

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/directory"
	"userapi/internal/fair"
	"userapi/internal/httpapi"
	"userapi/internal/password"
	"userapi/internal/telemetry"
)

// Config is what a test can change about a server. Most tests want the zero Config.
type Config struct {
	Hashing        directory.Gate                        // nil: eight slots
	Hasher         directory.Hasher                      // nil: CheapHasher
	Searching      directory.Gate                        // nil: two slots
	Store          func(directory.Store) directory.Store // replaces the store; nil: keeps it
	TrustedProxies []string
	Clock          *Clock        // nil: time.Now
	LogInLimit     int           // 0: none
	RateLimit      int           // 0: none
	RequestTimeout time.Duration // 0: an hour
}

// TokenLife is how long a log-in token is valid.
const TokenLife = time.Hour

// Server is a server that runs until the test ends.
type Server struct {
	URL     string
	Token   string // of the first user, a system administrator
	Service *directory.Service
	Handler http.Handler // what is served at URL, or by the first node
	Log     *Log
	DB      *Database

	node    string // the address of one node
	started time.Time
	metrics http.Handler
	client  *http.Client
}

// Start starts a server on an empty database. It stops when the test ends. If TEST_NODES is set, it starts as
// many equal servers on the database, the nodes, and nginx in front of them; see [OneNode].
func Start(t testing.TB, config Config) *Server {
	t.Helper()
	if config.RateLimit > 0 {
		OneNode(t, "each node counts for itself")
	}
	if len(config.TrustedProxies) > 0 && !slices.Equal(config.TrustedProxies, nginxAddresses) {
		OneNode(t, "with nginx in between, nginx is the proxy")
	}
	s := &Server{Log: &Log{}, started: time.Now().Truncate(time.Microsecond)} // the precision of stored times
	stores, behind := openDatabase(t, max(1, testNodes()), config.Clock)
	s.DB = behind
	if config.Hashing == nil {
		config.Hashing = fair.NewGate(8)
	}
	if config.Hasher == nil {
		config.Hasher = CheapHasher()
	}
	if config.Searching == nil {
		config.Searching = fair.NewGate(2)
	}
	if config.RequestTimeout == 0 {
		config.RequestTimeout = time.Hour
	}
	if config.Store == nil {
		config.Store = func(s directory.Store) directory.Store { return s }
	}
	if testNodes() > 0 {
		config.TrustedProxies = nginxAddresses
	}
	var nodes []string
	for _, store := range stores {
		nodes = append(nodes, s.startNode(t, config, store))
	}
	s.URL, s.node = "http://"+nodes[0], nodes[0]
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	s.client = NewClient(t, transport)
	if testNodes() > 0 {
		s.URL = StartNginx(t, NginxBlock(t), nodes...).URL
		s.client = NewClient(t, behindNginx{transport})
	}
	t.Cleanup(transport.CloseIdleConnections)
	return s
}

// startNode serves the directory in a store, and returns the address. The first node is the one that the fields
// of the server belong to.
func (s *Server) startNode(t testing.TB, config Config, store opened) (address string) {
	t.Helper()
	now := time.Now
	if config.Clock != nil {
		now = config.Clock.Now
	}
	service := &directory.Service{
		Store: config.Store(store), Hashing: config.Hashing, Hasher: config.Hasher, Searching: config.Searching, Emails: fair.NewGate(8),
		Now: now, Random: rand.Reader, TokenLife: TokenLife, LogInLimit: config.LogInLimit,
	}
	_, err := service.Start(t.Context(), "", func(secret string) error { s.Token = secret; return nil })
	require.NoError(t, err)

	logger := telemetry.NewLogger(s.Log, -8, telemetry.FormatJSON)
	registry := telemetry.NewRegistry()
	var proxies []netip.Prefix
	for _, proxy := range config.TrustedProxies {
		prefix, err := httpapi.ParsePrefix(proxy)
		require.NoError(t, err)
		proxies = append(proxies, prefix)
	}
	handler, err := (&httpapi.Server{
		Contract:  LoadContract(),
		Directory: service, Ready: store.Ready, Logger: logger, Metrics: registry,
		RequestTimeout: config.RequestTimeout, TrustedProxies: proxies, RateLimit: config.RateLimit,
	}).Handler()
	require.NoError(t, err)
	if s.Service == nil {
		registry.MustRegister(store.Metrics()...)
		s.Service, s.Handler, s.metrics = service, handler, telemetry.OpsHandler(registry, store.Ready, false)
	}
	return serve(t, httpapi.NewHTTPServer(handler, logger))
}

// serve serves on a free port until the test ends, and returns the address. It turns off the timeouts of the
// server: if the server waits for a body that is never sent, it waits for ever.
func serve(t testing.TB, server *http.Server) (address string) {
	t.Helper()
	server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout = 0, 0, 0
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(httpapi.NewListener(listener)) }()
	t.Cleanup(func() {
		assert.NoError(t, server.Shutdown(context.Background()))
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return listener.Addr().String()
}

// nginxAddresses is where nginx sends requests from.
var nginxAddresses = []string{"127.0.0.1"}

// testNodes returns how many nodes TEST_NODES asks for. 0: one, without nginx.
func testNodes() int {
	nodes, _ := strconv.Atoi(os.Getenv("TEST_NODES"))
	return nodes
}

// OneNode skips the test if TEST_NODES is set, because it is about something that one process has for itself
// or that nginx does not let through. The reason says which.
func OneNode(t testing.TB, reason string) {
	t.Helper()
	if testNodes() > 0 {
		t.Skip("one node: " + reason)
	}
}

// CheapHasher returns a hasher like the real one, at the lowest cost of argon2id.
func CheapHasher() *password.Hasher {
	return password.NewHasher(&argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16})
}

// Client returns the generated client, which sends this token.
func (s *Server) Client(t testing.TB, token string) *client.ClientWithResponses {
	t.Helper()
	c, err := client.NewClientWithResponses(s.URL, client.WithHTTPClient(s.client),
		client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+token)
			return nil
		}))
	require.NoError(t, err)
	return c
}

// For returns the server for a part of a test: t fails if an exchange is not in the contract.
func (s *Server) For(t testing.TB) *Server {
	t.Helper()
	part := *s
	part.client = NewClient(t, s.client.Transport.(*checkingTransport).base)
	return &part
}

// Behind returns the server as a proxy at this URL shows it. The answers are not checked
// against the contract, because they may be the proxy's own.
func (s *Server) Behind(t testing.TB, url string) *Server {
	t.Helper()
	behind, transport := *s, &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	behind.URL, behind.client = url, &http.Client{Transport: transport}
	return &behind
}

// RequireRecent fails unless the time is between the call of Start and now.
func (s *Server) RequireRecent(t testing.TB, at time.Time) {
	t.Helper()
	require.WithinRange(t, at, s.started, time.Now())
}

// Metrics returns the metrics in the text format of Prometheus.
func (s *Server) Metrics(t testing.TB) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	require.NoError(t, err)
	s.metrics.ServeHTTP(recorder, request)
	return recorder.Body.String()
}
