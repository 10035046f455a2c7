package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"userapi/internal/contract"
	"userapi/internal/mock"
	"userapi/internal/store/sqlite"
	"userapi/internal/telemetry"
)

type mockCommand struct {
	Seed           string `env:"USERAPI_SEED" placeholder:"FILE" help:"JSON file with the users and tokens to begin with (default: a few of each role)."`
	listenSettings `embed:""`
	logSettings    `embed:""`

	seed mock.Seed // Validate fills it
}

// Help is called by kong, which prints the text above the flags.
func (mockCommand) Help() string {
	return `This is the server of 'userapi serve' on a database of its own, which is deleted when the server ends. It is for tests of
programs that use the API, and no place for secrets: it prints its tokens, and hashes passwords at the lowest cost.
At the address of /metrics, POST /reset brings the users and tokens of the beginning back, POST /now moves the clock, and
GET /requests lists the last requests. A request chooses its answer with the header Prefer, as in Prefer: code=409.
There are no rate limits, and the ids of requests count from 1.`
}

// Validate is called by kong.
func (c *mockCommand) Validate() error {
	return listFaults(c.readSeed, c.checkAddresses, c.logSettings.check)
}

// checkAddresses refuses Unix sockets, too, because the curl lines that the mock prints need a URL.
func (c *mockCommand) checkAddresses(fault addFault) {
	c.listenSettings.check(fault)
	for name, address := range map[string]string{"--listen": c.Listen, "--ops-listen": c.OpsListen} {
		if strings.HasPrefix(address, unixPrefix) {
			fault(name, "the mock needs HOST:PORT")
		}
	}
}

// readSeed reads the seed, or the one that is built in.
func (c *mockCommand) readSeed(fault addFault) {
	const name = "USERAPI_SEED or --seed"
	text := mock.DefaultSeed()
	if c.Seed != "" {
		var err error
		if text, err = os.ReadFile(c.Seed); err != nil {
			fault(name, "%w", err)
			return
		}
	}
	seed, found, err := mock.ParseSeed(text)
	if err != nil {
		fault(name, "%w", err)
	}
	for _, f := range found {
		fault(name, "%s: %s", c.Seed, f)
	}
	c.seed = seed
}

// Run serves until ctx ends or a listener fails.
func (c *mockCommand) Run(ctx context.Context, std streams) (err error) {
	signal.Ignore(syscall.SIGPIPE) // the server goes on when the reader of its output has ended
	log := telemetry.NewLogBuffer(std.stderr, c.logLevel, c.LogFormat)
	defer func() { _ = log.Close() }() // nobody can be told that the log failed
	logger := telemetry.NewLogger(log, c.logLevel, c.LogFormat)
	build, err := logBuild(logger, sqlite.NewestSchema)
	if err != nil {
		return err
	}
	public, ops, err := c.listen(ctx, listenAt)
	if err != nil {
		return err
	}
	defer closeListeners(public, ops)
	described, err := contract.Load()
	if err != nil {
		return err
	}
	prefer, err := mock.NewPrefer(described)
	if err != nil {
		return err
	}
	world, err := newMockWorld(ctx, &mockWorld{
		seed: c.seed, contract: described, prefer: prefer, logger: logger, fatal: logAndExit(log, logger),
		collectors: []prometheus.Collector{log.Metric(), build.metric(sqlite.NewestSchema)},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.close()) }()
	connections, err := publicConnections(logger)
	if err != nil {
		return err
	}
	api, operator := mockHandlers(world, ops)
	announceInTime(std.stdout, c.seed, public.Addr(), ops)

	go tuneGC(ctx)
	servers, stopped := errgroup.WithContext(ctx)
	endpoints{
		public: public, ops: ops, logger: logger, api: closeConnections(ctx, api), operator: operator,
		connections: max(minConnections, connections/2), // a reset opens another database before it closes the old one
	}.serve(stopped, servers)
	logger.Info("listening", "address", addressOf(public))
	err = servers.Wait()
	logger.Info("stopped")
	return err
}

// mockHandlers returns what the two listeners serve. This is the place for everything that only the mock does: put what changes
// or watches answers of the API around api, the last one outside, and add what a tester calls to operator.
func mockHandlers(world *mockWorld, ops net.Listener) (api, operator http.Handler) {
	var tokens []string
	for _, token := range world.seed.Tokens {
		tokens = append(tokens, token.Token)
	}
	journal := mock.NewJournal(world.contract, tokens...)
	api = journal.Wrap(world)

	mux := http.NewServeMux()
	journal.Register(mux)
	mux.HandleFunc("POST /reset", world.serveReset)
	mux.HandleFunc("GET /now", world.serveNow)
	mux.HandleFunc("POST /now", world.serveNow)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		mux.HandleFunc("GET "+path, world.serveOperator)
	}
	return api, refuseBrowsers(mux, ops)
}

// refuseBrowsers keeps the pages of other sites from resetting the mock or reading the journal through the browser of a tester.
// A name that a site lets point to this machine is no loopback name.
func refuseBrowsers(next http.Handler, ops net.Listener) http.Handler {
	sameSite := http.NewCrossOriginProtection().Handler(next)
	if ops == nil || !isLoopback(ops.Addr().String()) {
		return sameSite
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && !isLoopback(r.Host) {
			http.Error(w, "use 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
			return
		}
		sameSite.ServeHTTP(w, r)
	})
}

// isLoopback reports whether a host, with or without a port, is this machine by its very name.
func isLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}
