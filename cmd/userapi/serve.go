package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"userapi/internal/contract"
	"userapi/internal/directory"
	"userapi/internal/httpapi"
	"userapi/internal/store/sqlite"
	"userapi/internal/telemetry"
)

// requestTimeout is how long a request may wait to hash a password or to write before it
// is answered 503.
const requestTimeout = 15 * time.Second

type serveCommand struct {
	serveSettings    `embed:""`
	migrationSetting `embed:""`
}

// firstStartTimeout is how long the first start of another server may take from its token
// file to its commit.
const firstStartTimeout = time.Second

// Help is called by kong, which prints the text above the flags.
func (serveCommand) Help() string {
	return `The first start on an empty database creates user 1, a system administrator.
The environment variable USERAPI_ADMIN_TOKEN, or the file that --admin-token-file names, has the
token of user 1: 32 or more visible ASCII characters. If neither is given, the server makes a token
and writes it to the file that --first-token-file names.
After SIGTERM or SIGHUP, the server goes on for as long as --drain says. Then it finishes accepted
requests and exits within 10 seconds. A second signal ends the drain. Under nohup, it ignores SIGHUP.
With --tls-cert, SIGHUP does not end the server, which reads the certificate and its key again.`
}

// Run serves until ctx ends or a listener fails. It opens the listeners before the
// database, so that a start on a taken port changes nothing.
func (c *serveCommand) Run(ctx context.Context, std streams, postpone postponeExit) (err error) {
	signal.Ignore(syscall.SIGPIPE) // the server goes on when the reader of its log has ended
	log := telemetry.NewLogBuffer(std.stderr, c.logLevel, c.LogFormat)
	defer func() { _ = log.Close() }() // nobody can be told that the log failed
	logger := telemetry.NewLogger(log, c.logLevel, c.LogFormat)
	build, err := logBuild(logger, c.schema())
	if err != nil {
		return err
	}
	systemd := newSupervisor()
	public, ops, err := c.listen(ctx, systemd.listenKept(logger))
	if err != nil {
		return err
	}
	defer closeListeners(public, ops)
	defer func() {
		if err != nil {
			err = errors.Join(err, systemd.forgetKept()) // clients should not wait for a server that cannot serve
		}
	}()
	db, err := c.migrateAndOpen(ctx, sqlite.Options{Logger: logger, KeepBackup: !c.NoBackup, Fatal: logAndExit(log, logger)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := c.checkAuditKeep(ctx, db); err != nil {
		return err
	}
	service := newService(db, c.tokenTTL, c.loginLimit)
	if err := c.start(ctx, service, logger); err != nil {
		return err
	}
	metrics := newMetrics(db, service, log.Metric(), build.metric(c.schema()))
	ready := func(request context.Context) error {
		if ctx.Err() != nil {
			return errDraining{}
		}
		return db.Ready(request)
	}
	connections, err := publicConnections(logger)
	if err != nil {
		return err
	}
	handler, err := c.handler(service, ready, logger, metrics, connections)
	if err != nil {
		return err
	}

	drained, cancel := c.afterDrain(ctx, postpone, logger)
	defer cancel()
	go tuneGC(drained)
	servers, stopped := errgroup.WithContext(drained)
	c.runBackground(stopped, servers, service, logger)
	endpoints{
		public: public, ops: ops, tls: c.tlsConfig(), connections: connections, logger: logger,
		api: closeConnections(ctx, handler), operator: telemetry.OpsHandler(metrics, ready, c.Pprof),
	}.serve(stopped, servers)
	logger.Info("listening", "address", addressOf(public), "database", c.name(), "tls", c.keyPair != nil)
	systemd.ready(logger)
	err = servers.Wait()
	logger.Info("stopped")
	return err
}

// logAndExit returns what ends a server that cannot know whether its commit is on disk.
func logAndExit(log *telemetry.LogBuffer, logger *slog.Logger) func(error) {
	return func(err error) {
		logger.Error(err.Error())
		_ = log.Close() // nobody can be told that the log failed
		os.Exit(exitFailed)
	}
}

// endpoints are the listeners of a server, and what each of them serves.
type endpoints struct {
	public, ops   net.Listener // ops is nil if --ops-listen is off
	tls           *tls.Config  // of public; nil: it speaks HTTP
	connections   int          // how many public accepts at the same time
	api, operator http.Handler
	logger        *slog.Logger
}

// serve adds the servers to a group. Each of them ends when its listener fails or when ctx ends.
func (e endpoints) serve(ctx context.Context, servers *errgroup.Group) {
	servers.Go(func() error {
		server := httpapi.NewHTTPServer(e.api, e.logger)
		server.TLSConfig = e.tls
		return serveUntil(ctx, server, netutil.LimitListener(httpapi.NewListener(e.public), e.connections))
	})
	if e.ops == nil {
		return
	}
	server := httpapi.NewHTTPServer(e.operator, e.logger)
	server.WriteTimeout = 0 // the client says how long a profile takes
	servers.Go(func() error { return serveUntil(ctx, server, netutil.LimitListener(e.ops, opsConnections)) })
	e.logger.Info("serving metrics", "address", addressOf(e.ops))
}

// runBackground adds what the server does next to its listeners to a group. It ends with ctx.
func (c *serveCommand) runBackground(ctx context.Context, servers *errgroup.Group, service *directory.Service, logger *slog.Logger) {
	servers.Go(func() error { return watchOperator(ctx, service, c.adminToken, logger) })
	servers.Go(func() error { return c.watchKeyPair(ctx, logger) })
	servers.Go(func() error { return c.removeOldEvents(ctx, service, logger) })
}

// handler returns the handler of the public listener.
func (c *serveCommand) handler(service *directory.Service, ready func(context.Context) error, logger *slog.Logger,
	metrics prometheus.Registerer, connections int,
) (http.Handler, error) {
	described, err := contract.Load()
	if err != nil {
		return nil, err
	}
	maxRequests := 0
	if c.keyPair != nil {
		maxRequests = connections // over HTTP/2, a connection has many requests
	}
	return (&httpapi.Server{
		Contract:       described,
		Directory:      service,
		Ready:          ready,
		Logger:         logger,
		Metrics:        metrics,
		RequestTimeout: requestTimeout,
		TrustedProxies: c.trustedProxies,
		TrustUnix:      c.trustUnix,
		RateLimit:      c.rateLimit,
		MaxRequests:    maxRequests,
	}).Handler()
}

// listen opens both listeners, the public one with openPublic. ops is nil if --ops-listen is off.
func (s listenSettings) listen(ctx context.Context, openPublic func(context.Context, string) (net.Listener, error)) (public, ops net.Listener, err error) {
	if public, err = openPublic(ctx, s.Listen); err != nil {
		return nil, nil, fmt.Errorf("cannot open the address in USERAPI_LISTEN or --listen: %w", err)
	}
	if s.OpsListen == opsOff {
		return public, nil, nil
	}
	if ops, err = listenAt(ctx, s.OpsListen); err != nil {
		closeListeners(public)
		return nil, nil, fmt.Errorf("cannot open the address in USERAPI_OPS_LISTEN or --ops-listen: %w", err)
	}
	return public, ops, nil
}

// closeListeners closes listeners, which may be nil, or closed by their servers already.
func closeListeners(listeners ...net.Listener) {
	for _, l := range listeners {
		if l != nil {
			_ = l.Close()
		}
	}
}

// start makes user 1 on an empty database and says where its token is.
func (c *serveCommand) start(ctx context.Context, service *directory.Service, logger *slog.Logger) error {
	started, written, err := c.startService(ctx, service)
	if written && (err != nil || !started.First) {
		err = errors.Join(err, os.Remove(c.FirstTokenFile)) // its token is not valid
	}
	switch unavailable := directory.IsCode(err, directory.CodeUnavailable); {
	case unavailable && c.isPostgres():
		err = fmt.Errorf("%s cannot be used at the moment: start again when it answers (%w)", c.name(), err)
	case unavailable:
		err = fmt.Errorf("%s cannot be written: make room on its disk, or end the process that has locked it, and start again (%w)", c.path(), err)
	}
	if err != nil {
		return err
	}
	if started.OperatorEnded {
		logger.Warn("the operator's token of an earlier start has ended; 'userapi token create --user=1 --name=rescue' makes another token")
	}
	if started.OperatorRefused {
		logger.Warn("the operator's token is refused: user 1 is not active or was deleted; " +
			"'userapi user create --system-administrator' makes another system administrator")
	}
	switch {
	case started.First && written:
		logger.Info("first start: user 1, admin, was created; its token is in a file", "file", c.FirstTokenFile)
	case started.First:
		logger.Info("first start: user 1, admin, was created; its token is the operator's")
	}
	return nil
}

// operatorPeriod is how often a server looks whether its operator's token is still valid.
const operatorPeriod = time.Second

// watchOperator warns if another start ends the operator's token of this server. It returns nil when it
// has warned, when ctx ends, or if there is no such token. A database that does not answer is asked again.
func watchOperator(ctx context.Context, service *directory.Service, token string, logger *slog.Logger) error {
	if token == "" {
		return nil
	}
	look := time.NewTicker(operatorPeriod)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if ended, err := service.HasEnded(ctx, token); err == nil && ended {
				logger.Warn("the operator's token is not valid any more: another server has started on this database with another token or with none, or user 1 was deleted; " +
					"give all servers of a database the same token")
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// startService starts the service and reports whether it has written the first token file. If
// the file exists although the database is empty, another server may be about to commit its
// first start: startService waits for it, firstStartTimeout at most.
func (c *serveCommand) startService(ctx context.Context, service *directory.Service) (started directory.Started, written bool, err error) {
	keep := func(secret string) error {
		err := writeSecret(c.FirstTokenFile, secret)
		written = err == nil
		return err
	}
	timeout := time.After(firstStartTimeout)
	for {
		started, err = service.Start(ctx, c.adminToken, keep)
		if !errors.Is(err, os.ErrExist) {
			return started, written, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			return started, written, err
		case <-ctx.Done():
			return started, written, ctx.Err()
		}
	}
}

// writeSecret writes a file that only its owner may read. It does not replace a file, which
// may hold the only copy of another database's token: it then fails with [os.ErrExist].
func writeSecret(path, secret string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("the database is empty, but there is a token in %s already: "+
			"move it away, or name another file with --first-token-file (%w)", path, err)
	}
	if err != nil {
		return fmt.Errorf("write the token of user 1: %w", err)
	}
	_, err = file.WriteString(secret + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the token of user 1: %w", err), os.Remove(path))
	}
	return nil
}
