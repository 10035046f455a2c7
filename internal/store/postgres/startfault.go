package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A startFault says why a server or a database cannot be used, in words for the person who starts userapi.
type startFault struct {
	what string // is wrong
	mend string // is what to do about it; "": nobody knows
	// Pgx asks no other host after it.
	final bool
}

func newFault(what, mend string) *startFault { return &startFault{what: what, mend: mend} }

func (f *startFault) Error() string {
	if f.mend == "" {
		return f.what
	}
	return f.what + ": " + f.mend
}

// The errors of the server that have a meaning only when a connection is made. Source: PostgreSQL 15,
// appendix A.
const (
	invalidAuthorization  = "28000"
	invalidPassword       = "28P01"
	noSuchDatabase        = "3D000"
	insufficientPrivilege = "42501"
	undefinedObject       = "42704"
	duplicatePrepared     = "42P05"
)

// connect makes a connection to the first host that can be used, in the order of the address. If there
// is none, its error is one line, which names the hosts, the database and the user.
func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	hosts := splitHosts(config)
	var faults []*startFault
	for _, host := range hosts {
		connection, fault := connectHost(ctx, host)
		if fault == nil {
			return connection, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		faults = append(faults, fault)
		if fault.final {
			break
		}
	}
	if len(faults) == 1 {
		return nil, describe(config, hostPort(hosts[0]), faults[0])
	}
	var tried, whats, mends []string
	for i, fault := range faults {
		tried = append(tried, hostPort(hosts[i]))
		whats = append(whats, hostPort(hosts[i])+": "+fault.what)
		if fault.mend != "" && !slices.Contains(mends, fault.mend) {
			mends = append(mends, fault.mend)
		}
	}
	all := newFault(strings.Join(whats, "; "), strings.Join(mends, "; or "))
	return nil, describe(config, strings.Join(tried, ","), all)
}

// describe says in one line what cannot be used, and why.
func describe(config *pgx.ConnConfig, hosts string, fault error) error {
	return fmt.Errorf("cannot use database %q on %s as user %q: %w", config.Database, hosts, config.User, fault)
}

// connectHost makes a connection to the one host of a configuration, and checks the server.
func connectHost(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, *startFault) {
	suits := config.ValidateConnect
	config.ValidateConnect = nil // it would not say whether the server is a standby
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, explainConnect(config, err)
	}
	fault := checkServer(ctx, connection)
	switch excluded := suits != nil && suits(ctx, connection.PgConn()) != nil; {
	case fault == nil && excluded:
		fault = newFault("target_session_attrs in the address excludes it", "use target_session_attrs=read-write, which finds the primary")
	case fault == nil:
		return connection, nil
	default:
		fault.final = !excluded
	}
	_ = connection.Close(ctx)
	return nil, fault
}

// explainConnect says what an error of connecting to one host means. It never repeats the password.
func explainConnect(config *pgx.ConnConfig, err error) *startFault {
	if failure, answered := errors.AsType[*pgconn.PgError](err); answered {
		fault := explainRefusal(config, failure)
		fault.final = failure.Code == invalidPassword || failure.Code == noSuchDatabase || failure.Code == insufficientPrivilege
		return fault
	}
	if fault := explainTLS(config, err); fault != nil {
		return fault
	}
	_, unknownHost := errors.AsType[*net.DNSError](err)
	switch {
	case unknownHost:
		return newFault("the name of the host cannot be resolved", "correct the host in the address")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return newFault("nothing listens there", "start the server, or correct the host and the port in the address; "+
			"listen_addresses in postgresql.conf decides who can reach it from other machines")
	case errors.Is(err, fs.ErrPermission) && strings.HasPrefix(config.Host, "/"):
		return newFault("this process may not use the socket", "give it the right to the directory of the socket, or use the server's address in the network")
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return newFault(fmt.Sprintf("there is no answer within %v", config.ConnectTimeout), "correct the host and the port in the address, or let the firewall pass connections")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return newFault("the network has no way to it", "correct the host in the address, or the network")
	}
	return newFault(oneLine(innermost(err).Error()), "")
}

// innermost returns what the last try failed with: the errors around it repeat the address.
func innermost(err error) error {
	for {
		switch wrapper := err.(type) { //nolint:errorlint // it unwraps itself
		case interface{ Unwrap() []error }:
			tries := wrapper.Unwrap()
			err = tries[len(tries)-1]
		case interface{ Unwrap() error }:
			if wrapper.Unwrap() == nil {
				return err
			}
			err = wrapper.Unwrap()
		default:
			return err
		}
	}
}

// explainTLS returns nil if the error has nothing to do with TLS.
func explainTLS(config *pgx.ConnConfig, err error) *startFault {
	const trust = "name the file with the certificate of its authority as sslrootcert in the address"
	if _, wrong := errors.AsType[x509.HostnameError](err); wrong {
		return newFault("the server's certificate is not for this host", "use a name in the address that is in the certificate, or sslmode=verify-ca, which does not compare names")
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return newFault("the server's certificate is from an authority that is not trusted", trust)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return newFault("the server's certificate is not valid: "+oneLine(invalid.Error()), "renew it, or "+trust)
	}
	// pgx has no other mark for this error. With sslmode=prefer it goes on without TLS.
	if strings.Contains(err.Error(), "server refused TLS connection") && len(config.Fallbacks) == 0 {
		return newFault("the server has no TLS, which sslmode in the address requires", "turn on ssl in postgresql.conf, or use sslmode=disable in a network that you trust")
	}
	return nil
}

// explainRefusal says what it means that the server refuses a connection. Texts of the server may be in
// another language, so only codes and the names of functions count.
func explainRefusal(config *pgx.ConnConfig, failure *pgconn.PgError) *startFault {
	user, database := pgx.Identifier{config.User}.Sanitize(), pgx.Identifier{config.Database}.Sanitize()
	switch failure.Code {
	case invalidPassword:
		if config.Password == "" {
			return newFault("the server asks for a password and there is none", "write HOST:PORT:DATABASE:USER:PASSWORD into a file, "+
				"name it in PGPASSFILE or as passfile in the address, and let this process read it")
		}
		return newFault("the user or the password is wrong", "correct them, or set the password with ALTER ROLE "+user+" PASSWORD '…'")
	case invalidAuthorization:
		return explainLogin(config, failure, user)
	case noSuchDatabase:
		return newFault("there is no such database", "correct its name in the address, or let a superuser run CREATE DATABASE "+database+" OWNER "+user+" ENCODING 'UTF8' TEMPLATE template0")
	case insufficientPrivilege:
		return newFault("this user may not connect to it", "let its owner run GRANT CONNECT ON DATABASE "+database+" TO "+user)
	case undefinedObject:
		return newFault("the server knows no setting "+strings.Join(foreignParameters(config), ", "), "correct or remove it in the address")
	case tooManyConnections:
		return newFault("there are too many connections", fmt.Sprintf(
			"raise max_connections in postgresql.conf, or the CONNECTION LIMIT of the database and of the user, or run fewer nodes: each needs up to %d", maxConnections+1)) // the presence has one
	case cannotConnectNow:
		return newFault("the server is starting or stopping, or is a standby that accepts no connections", "wait until it is ready, and try again")
	case duplicatePrepared:
		return newFault("a pooler gives each transaction another connection", "use pool_mode = session in pgbouncer, or no pooler")
	}
	return newFault("the server says: "+oneLine(failure.Message)+" (SQLSTATE "+failure.Code+")", "")
}

// explainLogin tells the causes of [invalidAuthorization] apart.
func explainLogin(config *pgx.ConnConfig, failure *pgconn.PgError, user string) *startFault {
	switch {
	case failure.Routine == "InitializeSessionUserId":
		return newFault("there is no such user, or this user may not log in", "correct the user in the address, or let a superuser run CREATE ROLE "+user+" LOGIN, or ALTER ROLE "+user+" LOGIN")
	case failure.Routine != "ClientAuthentication":
		return newFault("the server does not accept this way of logging in: "+oneLine(failure.Message), "correct the user in the address, or the line for it in pg_hba.conf")
	case config.TLSConfig == nil && len(config.Fallbacks) == 0 && !strings.HasPrefix(config.Host, "/"):
		return newFault("pg_hba.conf accepts no connection without TLS from here for this user and database", "use sslmode=verify-full in the address, or add a line to pg_hba.conf")
	}
	return newFault("pg_hba.conf accepts no connection from here for this user and database", "add a line to pg_hba.conf, and run pg_ctl reload")
}

// foreignParameters returns the settings that the server is sent, other than those that each connection has.
func foreignParameters(config *pgx.ConnConfig) (names []string) {
	for name := range config.RuntimeParams {
		if _, ours := parameters[name]; !ours {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
