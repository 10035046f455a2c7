package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"userapi/internal/store/storetest"
)

// canary is every password in these tests. No output may contain it.
const canary = "canary-4711"

// certificate returns the certificate of a new authority, and one for localhost that it has signed, with its key.
func certificate(t *testing.T, expires time.Time) (authority, signed, key []byte) {
	t.Helper()
	make := func(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		if parentKey == nil {
			parentKey = own
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), parentKey)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), own
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}, NotAfter: expires}
	authority, rootKey := make(root, root, nil)
	signed, leafKey := make(leaf, root, rootKey)
	der, err := x509.MarshalECPrivateKey(leafKey)
	require.NoError(t, err)
	return authority, signed, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// startWithTLS starts a server that has a user and a database for each fault, and returns the file with
// the certificate of its authority.
func startWithTLS(t *testing.T) (c *storetest.Cluster, authorityFile string) {
	t.Helper()
	authority, signed, key := certificate(t, time.Now().Add(time.Hour))
	authorityFile = filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authorityFile, authority, 0o600))
	c = storetest.NewCluster(t, storetest.ClusterSetup{
		HBA: `
			local   all         postgres                              trust
			local   all         app                                   peer
			local   replication postgres                              trust
			host    all         ghost                    127.0.0.1/32 trust
			hostssl all         safe                     127.0.0.1/32 scram-sha-256
			host    all         app,other,reader,limited 127.0.0.1/32 scram-sha-256
		`,
		Files:    map[string][]byte{"server.crt": signed, "server.key": key},
		Settings: []string{"ssl = on"},
	})
	statements := []string{
		"CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
		"CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM public",
		"CREATE DATABASE bare", "CREATE DATABASE foreign_users", "CREATE DATABASE foreign_goose", "CREATE DATABASE odd_goose",
		"CREATE DATABASE read_only", "ALTER DATABASE read_only SET default_transaction_read_only = on",
		"CREATE DATABASE half", "CREATE DATABASE newer", "CREATE DATABASE hidden", "CREATE DATABASE no_schema",
	}
	for _, user := range []string{"app", "other", "reader", "limited", "safe"} {
		statements = append(statements, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", user, canary))
	}
	statements = append(statements, "ALTER ROLE limited CONNECTION LIMIT 0", "CREATE DATABASE directory OWNER app")
	c.Exec(t, "postgres", statements...)
	c.Exec(t, "foreign_users", "CREATE VIEW users AS SELECT 1 AS id", "GRANT CREATE ON SCHEMA public TO app")
	c.Exec(t, "foreign_goose", "CREATE TABLE goose_db_version (id int, version_id bigint, is_applied bool, tstamp timestamp)",
		"INSERT INTO goose_db_version VALUES (1, 0, true), (2, 7, true)", "GRANT ALL ON ALL TABLES IN SCHEMA public TO app", "GRANT CREATE ON SCHEMA public TO app")
	c.Exec(t, "odd_goose", "CREATE TABLE goose_db_version (name text)", "GRANT ALL ON ALL TABLES IN SCHEMA public TO app", "GRANT CREATE ON SCHEMA public TO app")
	c.Exec(t, "no_schema", "DROP SCHEMA public")
	for _, database := range []string{"directory", "half", "newer", "hidden"} {
		_, stderr, code := runCommand(t, t.TempDir(), []string{"USERAPI_DATABASE=" + c.SocketAddress(database)}, "migrate")
		require.Zero(t, code, stderr)
		c.Exec(t, database, "GRANT CREATE ON SCHEMA public TO app", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app")
	}
	c.Exec(t, "hidden", "CREATE SCHEMA app AUTHORIZATION app")
	c.Exec(t, "half", "DROP TABLE goose_db_version")
	c.Exec(t, "newer", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
	c.Exec(t, "directory", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
	return c, authorityFile
}

// Each wrong setting, and each server or database that cannot be used, has a sentence of its own, without
// the password.
func TestPostgresFaultsOfAStart(t *testing.T) {
	c, authority := startWithTLS(t)
	standby := c.NewStandby(t, "ssl = off")
	tables := func() string {
		var all strings.Builder
		for _, database := range []string{"bare", "foreign_users", "foreign_goose", "odd_goose", "half", "newer", "hidden"} {
			fmt.Fprintln(&all, database, queryPostgres(t, c.SocketAddress(database), "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
		}
		return all.String()
	}
	before := tables()
	at := func(user, host, database, query string) string {
		return "postgres://" + user + ":" + canary + "@" + host + "/" + database + "?" + query
	}
	here, there := fmt.Sprintf("127.0.0.1:%d", c.Port), fmt.Sprintf("127.0.0.1:%d", standby.Port)
	named := fmt.Sprintf("localhost:%d", c.Port)
	old := fakePostgres(t, &pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "server_version", Value: "13.21 (Debian)"}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	silent := fakePostgres(t)
	expired, expiredAuthority := fakeExpired(t)
	pooler := fakePostgres(t, &pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "server_version", Value: "16.1"}, &pgproto3.ReadyForQuery{TxStatus: 'I'},
		&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42P05", Message: "prepared statement already exists"}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	starting := fakePostgres(t, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P03", Message: "the database system is starting up"})
	for _, fault := range []struct{ name, setting, says string }{
		{"host", at("app", "no-such-host.invalid", "directory", ""), `database "directory" on no-such-host.invalid:5432 as user "app": the name of the host cannot be resolved: correct the host`},
		{"port", at("app", "127.0.0.1:1", "directory", ""), `database "directory" on 127.0.0.1:1 as user "app": nothing listens there: start the server`},
		{"socket", "postgres://app@/directory?host=/no/such/directory", `on /no/such/directory/.s.PGSQL.5432 as user "app": nothing listens there`},
		{"user, with a password", at("nobody", here, "directory", ""), `as user "nobody": pg_hba.conf accepts no connection from here for this user and database: add a line`},
		{"user, without one", at("ghost", here, "directory", ""), `as user "ghost": there is no such user, or this user may not log in: correct the user`},
		{"password", strings.Replace(at("app", here, "directory", ""), canary, canary+"x", 1), `as user "app": the user or the password is wrong: correct them`},
		{"no password", "postgres://app@" + here + "/directory", "the server asks for a password and there is none: write HOST:PORT:DATABASE:USER:PASSWORD into a file"},
		{"database", at("app", here, "missing", ""), `database "missing" on ` + here + ` as user "app": there is no such database: correct its name`},
		{"no database", at("app", here, "", ""), `database "app" on ` + here + ` as user "app": there is no such database: correct its name`},
		{"may not connect", at("app", here, "closed", ""), `this user may not connect to it: let its owner run GRANT CONNECT ON DATABASE "closed" TO "app"`},
		{"may not create tables", at("other", here, "bare", ""), `this user may not create tables in schema "public": make the user the owner`},
		{"may not use tables", at("other", here, "directory", ""), `this user may not use the table goose_db_version: let its owner run GRANT SELECT ON goose_db_version TO "other"`},
		{"may not write", at("reader", here, "directory", ""), `this user may not use the table users: let its owner run GRANT SELECT, INSERT, UPDATE, DELETE ON users TO "reader"`},
		{"no schema", at("app", here, "no_schema", ""), "there is no schema that this user may use: create"},
		{"hidden tables", at("app", here, "hidden", ""), `the tables of userapi are in schema "public", but schema "app", which is empty, comes first in search_path: drop schema "app"`},
		{"old server", at("app", old, "directory", "sslmode=disable"), "the server is PostgreSQL 13.21 (Debian): use PostgreSQL 14 or later"},
		{"starting", at("app", starting, "directory", "sslmode=disable"), "the server is starting or stopping, or is a standby that accepts no connections: wait"},
		{"no TLS there", at("app", there, "directory", "sslmode=require"), "the server has no TLS, which sslmode in the address requires: turn on ssl"},
		{"TLS needed", at("safe", here, "directory", "sslmode=disable"), "pg_hba.conf accepts no connection without TLS from here for this user and database: use sslmode=verify-full"},
		{"unknown authority", at("safe", named, "directory", "sslmode=verify-full"), "the server's certificate is from an authority that is not trusted: name the file"},
		{"name in the certificate", at("safe", here, "directory", "sslmode=verify-full&sslrootcert="+authority), "the server's certificate is not for this host: use a name"},
		{"expired certificate", at("safe", expired, "directory", "sslmode=verify-ca&sslrootcert="+expiredAuthority), "the server's certificate is not valid: x509: certificate has expired or is not yet valid"},
		{"peer", strings.Replace(c.SocketAddress("directory"), "postgres@", "app@", 1), `as user "app": the server does not accept this way of logging in: Peer authentication failed`},
		{"silence", at("app", silent, "directory", "sslmode=disable"), "there is no answer within 2s: correct the host"},
		{"pooler", at("app", pooler, "directory", "sslmode=disable"), "a pooler gives each transaction another connection: use pool_mode = session"},
		{"another protocol", at("app", fakeRefusal(t), "directory", ""), `as user "app": unexpected EOF`},
		{"connections", at("limited", here, "directory", ""), "there are too many connections: raise max_connections"},
		{"standby", at("app", there, "directory", ""), "the server is a standby, which cannot be written: name the primary"},
		{"read-only", at("app", here, "read_only", ""), "default_transaction_read_only is on, so that nothing can be written: turn it off"},
		{"encoding", at("app", here, "latin", ""), "the database has the encoding LATIN1: create one with ENCODING 'UTF8'"},
		{"unknown setting", at("app", here, "directory", "colour=blue"), "the server knows no setting colour: correct or remove it"},
		{"standby wanted", at("app", here, "directory", "target_session_attrs=prefer-standby"), "target_session_attrs in the address excludes it: use target_session_attrs=read-write"},
		{"another program's users", at("app", here, "foreign_users", ""), `the tables in its schema "public" are another program's: nothing was changed: use a database of its own`},
		{"another program's goose", at("app", here, "foreign_goose", ""), "are another program's"},
		{"another goose_db_version", at("app", here, "odd_goose", ""), "are another program's"},
		{"no version", at("app", here, "half", ""), "userapi's tables are there without goose_db_version, which has their version: nothing was changed: restore"},
		{"newer schema", at("app", here, "newer", ""), "the database has schema 9999 and this userapi knows "},
		{
			"several hosts", at("app", "127.0.0.1:1,no-such-host.invalid,"+there, "directory", "target_session_attrs=read-write"),
			`database "directory" on 127.0.0.1:1,no-such-host.invalid:5432,` + there + ` as user "app": 127.0.0.1:1: nothing listens there; ` +
				"no-such-host.invalid:5432: the name of the host cannot be resolved; " + there + ": the server is a standby, which cannot be written: start the server",
		},
		// The driver asks no host after this one.
		{"wrong password on the first host", strings.Replace(at("app", here+",127.0.0.1:1", "directory", ""), canary, "x"+canary, 1), ` on ` + here + ` as user "app": the user or the password is wrong`},
	} {
		t.Run(fault.name, func(t *testing.T) {
			requireStartFault(t, fault.setting, fault.says, "serve", "--listen=127.0.0.1:0", "--ops-listen=off")
		})
	}
	for _, args := range [][]string{{"migrate"}, {"audit"}, {"token", "list"}, {"token", "create", "--user=1", "--name=x"}, {"user", "create", "--nick-name=x", "--enterprise-id=x"}} {
		requireStartFault(t, at("app", here, "missing", ""), "there is no such database: correct its name", args...)
		requireStartFault(t, at("app", here, "foreign_users", ""), "are another program's", args...)
	}
	requireStartFault(t, c.SocketAddress("bare"), "the database has schema 0 and this userapi needs ", "token", "list")
	require.Equal(t, before, tables(), "a command that is refused has written")
	requireStandbyIsSkipped(t, at("app", there+","+here, "directory", ""))
	requireLeastRights(t, c, at("other", here, "directory", ""))
}

// requireStartFault fails unless a command says in one line why it cannot use the database.
func requireStartFault(t *testing.T, setting, says string, args ...string) {
	t.Helper()
	c := command(t, t.TempDir(), []string{"USERAPI_DATABASE=" + setting}, args...)
	c.Stdin = strings.NewReader("correct horse battery\n")
	stdout, stderr, code := runToExit(t, c)
	require.Equal(t, exitFailed, code, stderr)
	require.NotContains(t, stdout+stderr, "canary")
	require.Contains(t, stderr, says)
	said := regexp.MustCompile(`(?m)^time=.* msg=starting .*\n`).ReplaceAllString(stderr, "")
	require.Equal(t, 1, strings.Count(said, "\n"), stderr)
	require.Contains(t, said, "userapi: cannot use database ")
}

// requireStandbyIsSkipped fails unless a server finds the primary behind a standby.
func requireStandbyIsSkipped(t *testing.T, setting string) {
	t.Helper()
	stdout, stderr, code := runCommand(t, t.TempDir(), []string{"USERAPI_DATABASE=" + setting}, "migrate")
	require.Zero(t, code, stderr)
	require.NotContains(t, stdout+stderr, "canary")
}

// requireLeastRights fails unless a server works with no more rights than the messages ask for.
func requireLeastRights(t *testing.T, c *storetest.Cluster, setting string) {
	t.Helper()
	c.Exec(t, "directory", "GRANT SELECT ON goose_db_version TO other", "GRANT SELECT, INSERT, UPDATE, DELETE ON users, tokens, recent_failures TO other", "GRANT SELECT, INSERT ON events TO other")
	dir := t.TempDir()
	_, stderr, code := runCommand(t, dir, []string{"USERAPI_DATABASE=" + setting}, "serve", "--listen=127.0.0.1:0", "--ops-listen=off", "--audit-keep=24h")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, `this user may not use the table events: let its owner run GRANT SELECT, INSERT, DELETE ON events TO "other"`)
	s := startServer(t, dir, []string{"USERAPI_DATABASE=" + setting})
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	status, body := s.sendRequest(t, token, "POST", "/openapi/v1/users", adaBody)
	require.Equal(t, 201, status, body)
	status, body = s.sendRequest(t, token, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`)
	require.Equal(t, 200, status, body)
	status, body = s.sendRequest(t, token, "DELETE", "/openapi/v1/users/2", "")
	require.Equal(t, 204, status, body)
	code, log := s.terminate(t)
	require.Zero(t, code, log)
	require.NotContains(t, log, "canary")
	c.Exec(t, "directory", "GRANT SELECT, INSERT, DELETE ON events TO other")
	s = startServer(t, dir, []string{"USERAPI_DATABASE=" + setting}, "--audit-keep=24h")
	code, log = s.terminate(t)
	require.Zero(t, code, log)
}

// queryPostgres returns the one text that a query finds.
func queryPostgres(t *testing.T, address, query string) (text string) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	require.NoError(t, connection.QueryRow(t.Context(), "SELECT COALESCE(("+query+"), '')").Scan(&text))
	require.NoError(t, connection.Close(t.Context()))
	return text
}

// fakePostgres is a server that answers each start of a connection with these messages.
func fakePostgres(t *testing.T, answer ...pgproto3.BackendMessage) (address string) {
	t.Helper()
	return listenAndServe(t, func(connection net.Conn) {
		backend := pgproto3.NewBackend(connection, connection)
		if _, err := backend.ReceiveStartupMessage(); err != nil {
			return // a request to cancel
		}
		for _, message := range answer {
			backend.Send(message)
		}
		_ = backend.Flush()
		_, _ = backend.Receive() // until the client is gone
	})
}

// fakeRefusal is a server that refuses TLS, and closes the connection when the client goes on without.
func fakeRefusal(t *testing.T) (address string) {
	t.Helper()
	return listenAndServe(t, func(connection net.Conn) {
		backend := pgproto3.NewBackend(connection, connection)
		if first, _ := backend.ReceiveStartupMessage(); first != nil {
			_, _ = connection.Write([]byte("N"))
		}
	})
}

// fakeExpired is a server whose certificate has expired. It returns the certificate of the authority, too.
func fakeExpired(t *testing.T) (address, authorityFile string) {
	t.Helper()
	authority, signed, key := certificate(t, time.Now().Add(-time.Hour))
	authorityFile = filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authorityFile, authority, 0o600))
	pair, err := tls.X509KeyPair(signed, key)
	require.NoError(t, err)
	return listenAndServe(t, func(connection net.Conn) {
		_, _ = pgproto3.NewBackend(connection, connection).ReceiveStartupMessage()
		_, _ = connection.Write([]byte("S")) // go on with TLS
		_ = tls.Server(connection, &tls.Config{Certificates: []tls.Certificate{pair}}).HandshakeContext(t.Context())
	}), authorityFile
}

// listenAndServe calls serve with each connection to a new port.
func listenAndServe(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serve(connection)
			_ = connection.Close()
		}
	}()
	return listener.Addr().String()
}

// The password may be in a file that the address or the environment names, and the whole address may be in a
// service file.
func TestPostgresPasswordFiles(t *testing.T) {
	c, authority := startWithTLS(t)
	dir := t.TempDir()
	write := func(name string, mode os.FileMode, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	line := fmt.Sprintf("localhost:%d:directory:app:%s\n", c.Port, canary)
	passfile := write("passfile", 0o600, "# our servers\n"+line)
	open := write("open", 0o644, line) // libpq ignores such a file, pgx does not
	wrong := write("wrong", 0o600, strings.Replace(line, "directory", "other", 1))
	services := write("services", 0o600, fmt.Sprintf("[directory]\nhost=localhost\nport=%d\ndbname=directory\nuser=app\npassfile=%s\n"+
		"sslmode=verify-full\nsslrootcert=%s\n", c.Port, passfile, authority))
	address := fmt.Sprintf("postgres://app@localhost:%d/directory?sslmode=verify-full&sslrootcert=%s", c.Port, authority)
	for name, settings := range map[string][]string{
		"passfile":           {"USERAPI_DATABASE=" + address + "&passfile=" + passfile},
		"PGPASSFILE":         {"USERAPI_DATABASE=" + address, "PGPASSFILE=" + passfile},
		"open to others":     {"USERAPI_DATABASE=" + address, "PGPASSFILE=" + open},
		"service":            {"USERAPI_DATABASE=postgres:///?service=directory", "PGSERVICEFILE=" + services},
		"PGSERVICE":          {"USERAPI_DATABASE=postgres://", "PGSERVICE=directory", "PGSERVICEFILE=" + services},
		"PGPASSWORD":         {"USERAPI_DATABASE=" + address, "PGPASSWORD=" + canary},
		"first of two hosts": {fmt.Sprintf("USERAPI_DATABASE=postgres://app@localhost:%d,127.0.0.1:%d/directory", c.Port, c.Port), "PGPASSFILE=" + passfile},
	} {
		stdout, stderr, code := runCommand(t, dir, settings, "migrate")
		require.Zero(t, code, "%s: %s", name, stderr)
		require.Contains(t, stdout, "/directory has schema ", name)
		require.NotContains(t, stdout+stderr, "canary", name)
	}
	s := startServer(t, dir, []string{"USERAPI_DATABASE=" + address, "PGPASSFILE=" + passfile})
	code, log := s.terminate(t)
	require.Zero(t, code, log)
	require.Contains(t, log, fmt.Sprintf("database=postgres://localhost:%d/directory", c.Port))
	requireStartFault(t, address+"&passfile="+wrong, "the server asks for a password and there is none", "migrate")
	requireStartFault(t, address+"&passfile="+dir+"/missing", "the server asks for a password and there is none", "migrate")
}

// An address that cannot be read is refused without its password, and so is a flag with a password.
func TestPasswordsInSettings(t *testing.T) {
	for address, says := range map[string]string{
		"postgres://app:4/canary@host/directory":                     "write @ as %40",
		"postgres://app:can@ary@host/directory":                      "write @ as %40",
		"postgres://app:c?a=canary@ary@host/directory":               "write @ as %40",
		"postgres://app@host/directory?user=canary@host":             "write @ as %40",
		"postgres://app:%zzcanary@host/directory":                    "the user or the password in the address is wrong",
		"postgres://app:canary@host/directory?password=%zzcanary":    "the user or the password in the address is wrong",
		"postgres://app:canary@host:canary/directory":                "invalid port",
		"postgres://app:canary@host/directory?sslmode=no":            "sslmode is invalid",
		"postgres://app:canary@host/directory?sslrootcert=/missing":  "open /missing: no such file",
		"postgres://app:canary@host/directory?service=s":             "failed to read service file",
		"postgres://app:canary@host/directory?target_session_attrs=": "target_session_attrs",
		"postgres://app:canary@host/directory?pool_max_conns=x":      "pool_max_conns",
		"postgres://app:canary@[::1/directory":                       `matching "]"`,
	} {
		for _, args := range [][]string{{"migrate"}, {"serve"}, {"token", "list"}, {"backup", "file"}} {
			if args[0] == "backup" {
				says = "use pg_dump for PostgreSQL"
			}
			stdout, stderr, code := runCommand(t, t.TempDir(), []string{"USERAPI_DATABASE=" + address}, args...)
			require.Equal(t, exitUsage, code, address)
			require.Contains(t, stderr, says, address)
			require.NotContains(t, stdout+stderr, "canary")
		}
	}
	for _, address := range []string{
		"postgres://app:canary@127.0.0.1:1/directory", "postgresql://:canary@127.0.0.1:1/directory", "postgres://app@127.0.0.1:1/directory?password=canary",
		"postgres://app@127.0.0.1:1/directory?sslmode=disable&pass%77ord=canary", "postgres://app@127.0.0.1:1/directory?sslpassword=canary",
	} {
		stdout, stderr, code := runCommand(t, t.TempDir(), nil, "serve", "--database="+address, "--listen=nonsense")
		require.Equal(t, exitUsage, code, stderr)
		require.Contains(t, stderr, "--database: process lists show flags, so give no password in it: set USERAPI_DATABASE")
		require.Contains(t, stderr, "--listen", "all faults at once")
		require.NotContains(t, stdout+stderr, "canary")
	}
	_, stderr, code := runCommand(t, t.TempDir(), nil, "token", "list", "--database=postgres://app@127.0.0.1:1/directory?passfile=/missing")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "nothing listens there")
}
