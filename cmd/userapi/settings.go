package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"userapi/internal/directory"
	"userapi/internal/httpapi"
	"userapi/internal/store/postgres"
	"userapi/internal/store/sqlite"
	"userapi/internal/telemetry"
)

// databaseSetting is shared by all subcommands that open the database.
type databaseSetting struct {
	Database string `env:"USERAPI_DATABASE" default:"userapi.db" placeholder:"DATABASE" help:"The database: PATH or sqlite:PATH for SQLite, or postgres://USER@HOST/DATABASE for PostgreSQL (default: ${default})."`
}

// Validate is called by kong. Its error does not repeat the value, which could hold a password.
func (s databaseSetting) Validate() (err error) {
	if s.isPostgres() {
		err = postgres.CheckAddress(s.Database)
	} else {
		_, err = sqlite.Path(s.Database)
	}
	if err != nil {
		return fmt.Errorf("USERAPI_DATABASE or --database: %w", err)
	}
	return nil
}

// userSetting is shared by the subcommands that act on one user.
type userSetting struct {
	databaseSetting `embed:""`
	User            int32 `required:"" placeholder:"ID" help:"Number of the user."`
}

// Validate is called by kong.
func (s userSetting) Validate() error {
	return errors.Join(checkUser(s.User), s.databaseSetting.Validate())
}

// listSetting is shared by the subcommands that print a table. They set the variable
// listed, which the help uses.
type listSetting struct {
	databaseSetting `embed:""`
	User            *int32 `placeholder:"ID" help:"Print only the ${listed} this user (default: all users)."`
}

// Validate is called by kong.
func (s listSetting) Validate() error {
	var fault error
	if s.User != nil {
		fault = checkUser(*s.User)
	}
	return errors.Join(fault, s.databaseSetting.Validate())
}

// userID returns the user whose rows to print, or 0 for the rows of all users.
func (s listSetting) userID() directory.UserID {
	if s.User == nil {
		return 0
	}
	return directory.UserID(*s.User)
}

func checkUser(id int32) error {
	if id < 1 {
		return errors.New("--user: use the number of a user, which is 1 or more")
	}
	return nil
}

// opsOff is the value of --ops-listen that turns this listener off.
const opsOff = "off"

// addFault adds a fault of a setting to the list of all faults.
type addFault func(name, format string, args ...any)

// listFaults returns all faults that the checks find, as one error.
func listFaults(checks ...func(addFault)) error {
	var faults []error
	for _, check := range checks {
		check(func(name, format string, args ...any) {
			faults = append(faults, fmt.Errorf(name+": "+format, args...))
		})
	}
	return errors.Join(faults...)
}

// listenSettings are shared by the subcommands that serve.
type listenSettings struct {
	Listen    string `env:"USERAPI_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address where the API is served, or unix:PATH for a Unix socket (default: ${default})."`
	OpsListen string `env:"USERAPI_OPS_LISTEN" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Address where /metrics, /healthz and /readyz are served, unix:PATH for a Unix socket, or 'off' for none (default: ${default})."`
}

func (s listenSettings) check(fault addFault) {
	if !isAddress(s.Listen) {
		fault("USERAPI_LISTEN or --listen", "use HOST:PORT with a port up to 65535, for example 127.0.0.1:8080, or unix:PATH with a path of up to %d bytes, instead of %q", maxSocketPath, s.Listen)
	}
	if s.OpsListen != opsOff && !isAddress(s.OpsListen) {
		fault("USERAPI_OPS_LISTEN or --ops-listen", "use HOST:PORT with a port up to 65535, for example 127.0.0.1:8081, unix:PATH with a path of up to %d bytes, or off, instead of %q", maxSocketPath, s.OpsListen)
	}
}

// logSettings are shared by the subcommands that serve.
type logSettings struct {
	LogLevel  string `env:"USERAPI_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"Lowest level to log: debug, info, warn or error (default: ${default})."`
	LogFormat string `env:"USERAPI_LOG_FORMAT" default:"text" placeholder:"FORMAT" help:"Format of the log: text or json (default: ${default})."`

	logLevel slog.Level // check fills it
}

func (s *logSettings) check(fault addFault) {
	if err := s.logLevel.UnmarshalText([]byte(s.LogLevel)); err != nil || strings.ContainsAny(s.LogLevel, "+-") { // slog knows info+1
		fault("USERAPI_LOG_LEVEL or --log-level", "use debug, info, warn or error instead of %q", s.LogLevel)
	}
	if s.LogFormat != telemetry.FormatText && s.LogFormat != telemetry.FormatJSON {
		fault("USERAPI_LOG_FORMAT or --log-format", "use text or json instead of %q", s.LogFormat)
	}
}

// unixPeers is the value of --trusted-proxies that stands for everybody who connects to a Unix socket.
const unixPeers = "unix"

// minAuditKeep is the shortest time for which the audit keeps events. It makes a typing error cost little, and
// no transaction that is still open has an event that is so old.
const minAuditKeep = 24 * time.Hour

// serveSettings are read as text, and Validate parses them, because kong would report
// only the first fault and Validate reports all.
type serveSettings struct {
	databaseSetting `embed:""`
	listenSettings  `embed:""`
	tlsSettings     `embed:""`
	Pprof           bool     `env:"USERAPI_PPROF" help:"Serve /debug/pprof at the address of /metrics, too."`
	AdminTokenFile  *string  `env:"USERAPI_ADMIN_TOKEN_FILE" placeholder:"FILE" help:"File with the token of user 1, which is read instead of the environment variable USERAPI_ADMIN_TOKEN (default: none)."`
	FirstTokenFile  string   `env:"USERAPI_FIRST_TOKEN_FILE" default:"userapi.token" placeholder:"FILE" help:"File to which the first start writes the token that it makes for user 1, unless it is given one (default: ${default})."`
	TrustedProxies  []string `env:"USERAPI_TRUSTED_PROXIES" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For header is trusted; 'unix' is everybody who connects to a Unix socket (default: none)."`
	TokenTTL        string   `name:"token-ttl" env:"USERAPI_TOKEN_TTL" default:"720h" placeholder:"DURATION" help:"How long a log-in token is valid (default: ${default})."`
	RateLimit       string   `env:"USERAPI_RATE_LIMIT" default:"0" placeholder:"NUMBER" help:"Requests per second for each user; 0 means no limit (default: ${default})."`
	LoginLimit      string   `env:"USERAPI_LOGIN_LIMIT" default:"10" placeholder:"NUMBER" help:"Failed log-ins per minute for an account from one address. In total, one address may have ten times as many, and so may one account. 0 means no limit (default: ${default})."`
	Drain           string   `env:"USERAPI_DRAIN" default:"0s" placeholder:"DURATION" help:"How long the server goes on after a signal while /readyz answers 503 (default: ${default})."`
	AuditKeep       string   `env:"USERAPI_AUDIT_KEEP" default:"0" placeholder:"DURATION" help:"How long the audit keeps an event, 24h or more; 0 means for ever (default: ${default})."`
	logSettings     `embed:""`

	// Validate fills these.
	adminToken     string         // "": none
	trustedProxies []netip.Prefix // empty: X-Forwarded-For is ignored, except on a Unix socket if trustUnix is set
	trustUnix      bool
	tokenTTL       time.Duration // of a log-in token
	rateLimit      int           // requests per second for a user; 0: no limit
	loginLimit     int           // failed log-ins per minute; 0: no limit
	drain          time.Duration
	auditKeep      time.Duration // 0: for ever
}

// Validate is called by kong.
func (s *serveSettings) Validate() error {
	faults := []error{s.databaseSetting.Validate()}
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf(name+": "+format, args...))
	}
	s.listenSettings.check(fault)
	s.checkTLS(fault)
	s.readAdminToken(fault)
	if s.FirstTokenFile == "" {
		fault("USERAPI_FIRST_TOKEN_FILE or --first-token-file", "name a file, for example userapi.token")
	}
	for _, proxy := range s.TrustedProxies {
		if strings.TrimSpace(proxy) == unixPeers {
			s.trustUnix = true
			continue
		}
		prefix, err := httpapi.ParsePrefix(proxy)
		if err != nil {
			fault("USERAPI_TRUSTED_PROXIES or --trusted-proxies", "%w", err)
		}
		s.trustedProxies = append(s.trustedProxies, prefix)
	}
	ttl, err := time.ParseDuration(s.TokenTTL)
	if err != nil || ttl <= 0 {
		fault("USERAPI_TOKEN_TTL or --token-ttl", "use a duration above 0, for example 720h or 30m, instead of %q", s.TokenTTL)
	}
	s.tokenTTL = ttl
	if s.rateLimit, err = parseLimit(s.RateLimit); err != nil {
		fault("USERAPI_RATE_LIMIT or --rate-limit", "%w", err)
	}
	if s.loginLimit, err = parseLimit(s.LoginLimit); err != nil {
		fault("USERAPI_LOGIN_LIMIT or --login-limit", "%w", err)
	}
	if s.drain, err = time.ParseDuration(s.Drain); err != nil || s.drain < 0 {
		fault("USERAPI_DRAIN or --drain", "use a duration of 0 or more, for example 10s, instead of %q", s.Drain)
	}
	if s.auditKeep, err = time.ParseDuration(s.AuditKeep); err != nil || s.auditKeep != 0 && s.auditKeep < minAuditKeep {
		fault("USERAPI_AUDIT_KEEP or --audit-keep", "use 0 to keep all events, or a duration of 24h or more, for example 8760h for a year, instead of %q", s.AuditKeep)
	}
	s.logSettings.check(fault)
	return errors.Join(faults...)
}

// readAdminToken reads the operator's token from the environment or from a file.
func (s *serveSettings) readAdminToken(fault addFault) {
	s.adminToken = os.Getenv(adminTokenVariable)
	if s.adminToken != "" && !isStrongToken(s.adminToken) {
		fault(adminTokenVariable, "use 32 or more visible ASCII characters, for example those that 'openssl rand -hex 32' prints")
	}
	if s.AdminTokenFile == nil {
		return
	}
	const name = "USERAPI_ADMIN_TOKEN_FILE or --admin-token-file"
	if s.adminToken != "" {
		fault(name, "USERAPI_ADMIN_TOKEN has the token already: set only one of the two")
		return
	}
	content, err := readSecret(*s.AdminTokenFile)
	s.adminToken = strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")
	switch {
	case *s.AdminTokenFile == "":
		fault(name, "name the file that has the token, for example /run/secrets/userapi")
	case errors.Is(err, os.ErrNotExist):
		fault(name, "there is no file %q: the token is read from it. If the first start is to write its token there, name the file in USERAPI_FIRST_TOKEN_FILE or --first-token-file", *s.AdminTokenFile)
	case err != nil:
		fault(name, "the token cannot be read: %w", err)
	case !isStrongToken(s.adminToken):
		fault(name, "the file %q needs one line with 32 or more visible ASCII characters, for example those that 'openssl rand -hex 32' prints", *s.AdminTokenFile)
	}
}

// maxSecret is how long a file with a secret is at most, in bytes.
const maxSecret = 64 << 10

// readSecret returns the content of a file, which may be a pipe. It is cut at maxSecret.
func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxSecret))
	return string(content), errors.Join(err, file.Close())
}

// maxLimit is the highest limit that can be set. No server answers so many requests a second.
const maxLimit = 1_000_000

func parseLimit(s string) (int, error) {
	limit, err := strconv.Atoi(s)
	if err != nil || limit < 0 || limit > maxLimit {
		return 0, fmt.Errorf("use 0 for no limit, or a whole number up to %d, instead of %q", maxLimit, s)
	}
	return limit, nil
}

func isHostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isStrongToken reports whether s has 32 or more characters, all of them visible ASCII.
func isStrongToken(s string) bool {
	return len(s) >= 32 && strings.IndexFunc(s, func(r rune) bool { return r < '!' || r > '~' }) < 0
}
