package postgres

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"userapi/internal/directory"
)

const (
	maxConnections = 12 // of a node: maxAlone for units alone, maxLists for GORM, the rest for batches and other reads
	maxAlone       = 4
	maxLists       = 4
	// connectTimeout is how long a connection may take unless the setting says it. With several hosts, one that
	// hangs must leave time for the others.
	connectTimeout     = 2 * time.Second
	connectTimeoutEach = time.Second
	// minUnitTimeout is the least [Store.unitTimeout].
	minUnitTimeout = 3 * time.Second
	// replaceInterval is how long connections are kept before they are replaced.
	replaceInterval = 2 * time.Second
	// closeTimeout is how long [Store.Close] waits for connections to a server that hangs.
	closeTimeout = 2 * time.Second
)

// Store is a directory.Store in a PostgreSQL database.
type Store struct {
	config *pgxpool.Config
	hosts  *hosts
	recipe recipe
	lane   *lane
	tokens *asker[directory.TokenHash, directory.Principal]
	users  *asker[directory.UserID, directory.User]
	ready  *asker[struct{}, struct{}]
	// unitTimeout ends a transaction, whatever the requests in it. It is longer than it takes to try all hosts.
	unitTimeout time.Duration
	current     atomic.Pointer[connections]
	presence    *presence
	metrics     *metrics

	replaceMu sync.Mutex
	closed    bool           // replace does nothing
	replaced  time.Time      // when current was made
	closing   sync.WaitGroup // connections that were replaced

	unanswered  atomic.Int64 // commits that had no answer
	removedUpTo atomic.Int64 // the number of the last event that the last step of RemoveEvents has removed
}

var _ directory.Store = (*Store)(nil)

// parameters are what the server is told about each connection.
var parameters = map[string]string{
	"application_name":                    "userapi",
	"default_transaction_isolation":       "read committed", // the locks rely on it, and the server may have another default
	"lock_timeout":                        "2s",
	"idle_in_transaction_session_timeout": "10s",
	// The length of an array changes an estimate, and so PostgreSQL would plan a statement each time.
	"plan_cache_mode": "force_generic_plan",
}

// Options are what [Open] needs to know in addition to the address.
type Options struct {
	// Logger gets what an operator has to know, such as slow statements. nil discards it.
	Logger *slog.Logger
}

// parse reads the address of a database, as libpq does. Its errors do not contain the password.
func parse(address string) (*pgxpool.Config, error) {
	if err := checkPassword(address); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, explainAddress(address)
	}
	config.ConnConfig.Database = cmp.Or(config.ConnConfig.Database, config.ConnConfig.User) // as the server does, so that messages name it
	config.MaxConns = maxConnections
	config.MaxConnLifetime, config.MaxConnLifetimeJitter = time.Hour, 10*time.Minute
	several := len(hostsOf(&config.ConnConfig.Config)) > 1
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
		if several {
			config.ConnConfig.ConnectTimeout = connectTimeoutEach
		}
	}
	if several && config.ConnConfig.ValidateConnect == nil {
		config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	maps.Copy(config.ConnConfig.RuntimeParams, parameters)
	return config, nil
}

// unitTimeoutOf returns [Store.unitTimeout].
func unitTimeoutOf(config *pgxpool.Config) time.Duration {
	all := len(hostsOf(&config.ConnConfig.Config))
	return max(minUnitTimeout, time.Duration(all)*config.ConnConfig.ConnectTimeout+time.Second)
}

// CheckAddress fails if the address cannot be one of a database. It does not connect.
func CheckAddress(address string) error {
	_, err := parse(address)
	return err
}

// Open opens a database. It fails unless [Migrate] has brought the schema up to date.
func Open(ctx context.Context, address string, options Options) (*Store, error) {
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	if err := checkDatabase(ctx, config.ConnConfig); err != nil {
		return nil, err
	}
	logger := options.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{config: config, recipe: exact, hosts: &hosts{logger: logger}, metrics: newMetrics(), unitTimeout: unitTimeoutOf(config)}
	s.hosts.moved = s.metrics.failovers
	config.ConnConfig.Tracer = &slowLog{logger: logger}
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		s.hosts.prefer(&c.Config)
		return nil
	}
	first, err := newConnections(config)
	if err != nil {
		return nil, err
	}
	s.current.Store(first)
	if s.presence, err = newPresence(ctx, s.unitTimeout, s.connect); err != nil {
		first.close()
		return nil, err
	}
	s.tokens = newAsker(s.unitTimeout, s.loadPrincipals)
	s.users = newAsker(s.unitTimeout, s.loadUsers)
	s.ready = newAsker(s.unitTimeout, func(ctx context.Context, _ []struct{}) (map[struct{}]struct{}, error) { return nil, s.checkReady(ctx) })
	s.lane = newLane(s)
	return s, nil
}

// Close commits the units in the queue and closes all connections.
func (s *Store) Close() error {
	s.lane.close()
	s.tokens.close()
	s.users.close()
	s.ready.close()
	s.presence.close()
	s.replaceMu.Lock()
	s.closed = true
	s.replaceMu.Unlock()
	s.closing.Go(s.current.Load().close)
	closed := make(chan struct{})
	go func() { s.closing.Wait(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(closeTimeout): // the server hangs, and no connection is in use
	}
	return nil
}

// connect opens a connection that is not the pool's.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	config := s.config.ConnConfig.Copy()
	s.hosts.prefer(&config.Config)
	return pgx.ConnectConfig(ctx, config)
}

// Ready returns nil if the database answers, has the tables and can be written. Those who ask at the same time
// share a check, because each check opens a connection, and a stranger can ask.
func (s *Store) Ready(ctx context.Context) error {
	_, _, err := s.ready.ask(ctx, struct{}{})
	return err
}

// checkReady uses a connection of its own, because a busy pool is not a fault.
func (s *Store) checkReady(ctx context.Context) (err error) {
	connection, err := s.connect(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	var readOnly bool // also on a standby
	if err := connection.QueryRow(ctx, `SELECT current_setting('transaction_read_only')::bool OR EXISTS (SELECT FROM users WHERE false)`).Scan(&readOnly); err != nil {
		if isUnreachable(err) {
			err = &unreachable{err}
		}
		return &directory.Error{Code: directory.CodeUnavailable, Err: err}
	}
	if readOnly {
		return &directory.Error{Code: directory.CodeUnavailable, Err: errors.New("the server cannot be written: it is a standby, or read-only")}
	}
	return nil
}
