package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"userapi/internal/directory"
)

const (
	maxConnections = 12 // of a node: one for the lane, maxAlone for units alone, maxLists for GORM, the rest for other reads
	maxAlone       = 4
	maxLists       = 4
	connectTimeout = 2 * time.Second
	// batchTimeout ends a transaction, whatever the requests in it.
	batchTimeout = 3 * time.Second
)

// Store is a directory.Store in a PostgreSQL database.
type Store struct {
	config   *pgx.ConnConfig // for connections that are not the pool's
	pool     *pgxpool.Pool
	sql      *sql.DB // on the pool, for GORM
	gorm     *gorm.DB
	recipe   recipe
	lane     *lane
	tokens   *asker[directory.TokenHash, directory.Principal]
	users    *asker[directory.UserID, directory.User]
	scanSlot chan struct{} // holds a value while a search runs
	presence *presence
}

var _ directory.Store = (*Store)(nil)

// parameters are what the server is told about each connection.
var parameters = map[string]string{
	"application_name":                    "userapi",
	"default_transaction_isolation":       "read committed", // the locks rely on it, and the server may have another default
	"lock_timeout":                        "2s",
	"idle_in_transaction_session_timeout": "10s",
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
	config.MaxConns = maxConnections
	config.MaxConnLifetime, config.MaxConnLifetimeJitter = time.Hour, 10*time.Minute
	config.ConnConfig.ConnectTimeout = connectTimeout
	maps.Copy(config.ConnConfig.RuntimeParams, parameters)
	return config, nil
}

// CheckAddress fails if the address cannot be one of a database. It does not connect.
func CheckAddress(address string) error {
	_, err := parse(address)
	return err
}

// Open opens a database. It fails unless [Migrate] has brought the schema up to date.
func Open(ctx context.Context, address string) (*Store, error) {
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	if err := checkDatabase(ctx, config.ConnConfig); err != nil {
		return nil, err
	}
	s := &Store{config: config.ConnConfig.Copy(), recipe: exact, scanSlot: make(chan struct{}, 1)}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	s.sql = stdlib.OpenDBFromPool(s.pool)
	s.sql.SetMaxOpenConns(maxLists) // so that lists do not keep the lane waiting for a connection
	s.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: s.sql}), &gorm.Config{
		// Errors are returned, and a log of statements would contain values.
		Logger:                 logger.Discard,
		SkipDefaultTransaction: true,
		QueryFields:            true, // name the columns instead of *
		DisableAutomaticPing:   true,
	})
	if err != nil {
		s.pool.Close()
		return nil, err
	}
	if s.presence, err = newPresence(ctx, s.connect); err != nil {
		s.pool.Close()
		return nil, err
	}
	s.tokens = newAsker(s.loadPrincipals)
	s.users = newAsker(s.loadUsers)
	s.lane = newLane(s)
	return s, nil
}

// Close commits the units in the queue and closes all connections.
func (s *Store) Close() error {
	s.lane.close()
	s.tokens.close()
	s.users.close()
	err := s.sql.Close()
	s.pool.Close()
	s.presence.close()
	return err
}

// connect opens a connection that is not the pool's.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, s.config.Copy())
}

// Ready returns nil if the database answers, has the tables and can be written. It uses a connection of
// its own, because a busy pool is not a fault.
func (s *Store) Ready(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	connection, err := s.connect(ctx)
	if err != nil {
		return &directory.Error{Code: directory.CodeUnavailable, Err: err}
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	var standby bool
	if err := connection.QueryRow(ctx, `SELECT pg_is_in_recovery() OR EXISTS (SELECT FROM users WHERE false)`).Scan(&standby); err != nil {
		return &directory.Error{Code: directory.CodeUnavailable, Err: err}
	}
	if standby {
		return &directory.Error{Code: directory.CodeUnavailable, Err: errors.New("the server is a standby, which cannot be written")}
	}
	return nil
}

// retryRead calls read again if the server was not there, until ctx ends.
func retryRead[T any](ctx context.Context, read func(ctx context.Context) (T, error)) (result T, err error) {
	for tries := range maxTries {
		if result, err = read(ctx); err == nil || !isUnreachable(err) || ctx.Err() != nil {
			return result, err
		}
		if pause(ctx, tries) != nil {
			break
		}
	}
	return result, fmt.Errorf("read: %w", err)
}
