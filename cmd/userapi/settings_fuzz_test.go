package main

import (
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"userapi/internal/store/postgres"
)

// setSecret sets USERAPI_ADMIN_TOKEN to a secret and returns it. It begins and ends with canary, which the others must not contain.
func setSecret(t *testing.T, secret string, others ...string) (token string) {
	t.Helper()
	if strings.Contains(strings.Join(others, "\n"), canary) {
		t.Skip("it is no secret there")
	}
	token = canary + withoutNUL(secret) + canary
	t.Setenv(adminTokenVariable, token)
	return token
}

// withoutNUL returns a text that can be in the environment.
func withoutNUL(text string) string { return strings.ReplaceAll(text, "\x00", "") }

// addressWith returns the address of a database with a password.
func addressWith(password, rest string) string {
	return "postgres://user:" + password + "@" + withoutNUL(rest)
}

// isPort reports whether a text is digits whose value is 65535 at most.
func isPort(text string) bool {
	number, ok := new(big.Int).SetString(text, 10)
	return ok && regexp.MustCompile(`^[0-9]+$`).MatchString(text) && number.Cmp(big.NewInt(65535)) <= 0
}

// isListenAddress is a second reading of HOST:PORT and unix:PATH.
func isListenAddress(text string) bool {
	if strings.HasPrefix(text, "unix:") {
		longest := 5 + 107
		if strings.HasPrefix(text, "unix:@") {
			longest -= 2
		}
		return len(text) > 5 && len(text) <= longest && !strings.Contains(text, "\x00")
	}
	match := regexp.MustCompile(`^(?:[^:\[\]]*|\[[^\[\]]*\]):([^:\[\]]*)$`).FindStringSubmatch(text)
	return match != nil && isPort(match[1])
}

// isLimit is a second reading of a limit.
func isLimit(text string) bool {
	number, ok := new(big.Int).SetString(text, 10)
	return ok && regexp.MustCompile(`^[+-]?[0-9]+$`).MatchString(text) && number.Sign() >= 0 && number.Cmp(big.NewInt(1_000_000)) <= 0
}

// isProxy is a second reading of a trusted proxy. A zone means nothing.
func isProxy(text string) bool {
	text = strings.TrimSpace(text)
	if text == "unix" {
		return true
	}
	if _, _, err := net.ParseCIDR(text); err == nil {
		return !regexp.MustCompile(`/0[0-9]`).MatchString(text)
	}
	address, zone, found := strings.Cut(text, "%")
	return net.ParseIP(address) != nil && (!found || zone != "" && strings.Contains(address, ":"))
}

// FuzzSettings compares the check of the settings with a second reading of the manual: exactly the wrong ones are
// named, what is accepted is in its range, and no error contains the token or the password.
func FuzzSettings(f *testing.F) {
	good := []string{"127.0.0.1:8080", "off", "userapi.token", "10.0.0.0/8,::1", "720h", "0", "10", "0s", "0", "info", "text", strings.Repeat("t", 10), "db.example.com/users"}
	add := func(values []string) {
		f.Add(values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7], values[8], values[9], values[10], values[11], values[12])
	}
	add(good)
	for i, others := range [][]string{
		{"", ":80", "[::1]:80", "::1:80", "[::1]", "host", "host:", "host:65535", "host:65536", "host:0080", "host:http", "host:+1", "[a]b:1", "[fe80::1%lo]:80", "a:1:2", "[:1", "off", "unix:", "unix:a", "unix:80", "UNIX:a", "unix:/" + strings.Repeat("a", 106), "unix:/" + strings.Repeat("a", 107), "unix:@" + strings.Repeat("a", 104), "unix:@" + strings.Repeat("a", 105)},
		{"", ":0", "OFF", "[::]:00000", "8081", "unix:ops"},
		{"", "/dev/full"},
		{"", " 10.0.0.1 ,x", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.0/08", "::ffff:10.0.0.0/104", ",", " unix", "unix:a"},
		{"", "0s", "1ns", "-1h", "soon", "1", "30m", "1e3h", "9999999h", "0.1ns"},
		{"", "-1", "+5", "1000000", "1000001", "1.5", "1_000", "0x10", "-0", "99999999999999999999", "٣"},
		{"", "-1", "1e3", "1000001"},
		{"", "-1s", "-1ns", "-0s", "5", "10s"},
		{"", "0s", "24h", "23h59m", "-24h", "8760h", "1", "365d", "-0"},
		{"", "debug", "WARN", "loud", "info+1", "error-99", "info+", "info+99999999999999999999"},
		{"", "json", "xml", "JSON"},
		{"", "short", strings.Repeat("t", 9), strings.Repeat("ü", 10), strings.Repeat("t", 10) + " ", strings.Repeat("t", 10) + "\x7f", "/x", "?x", "#x", "%zz", "@x", ":x@y", "a b", "\n", "\x7f", "[", "/", "\\"},
		{"", "/", "host:port/db", "host:5432/db?sslmode=nonsense", "host/db?password=x", "host/db?%zz", "a,b:99999/db", "[::1/db", "host/db?connect_timeout=x", "/db?host=/tmp", "host/a@b"},
	} {
		for _, other := range others {
			values := slices.Clone(good)
			values[i] = other
			add(values)
		}
	}
	f.Fuzz(func(t *testing.T, listen, ops, tokenFile, proxies, ttl, rate, login, drain, keep, level, format, secret, rest string) {
		token := setSecret(t, secret, listen, ops, tokenFile, proxies, ttl, rate, login, drain, keep, level, format, rest)
		database := addressWith(token, rest)
		s := serveSettings{
			databaseSetting: databaseSetting{Database: database}, listenSettings: listenSettings{Listen: listen, OpsListen: ops}, FirstTokenFile: tokenFile, TrustedProxies: strings.Split(proxies, ","),
			TokenTTL: ttl, RateLimit: rate, LoginLimit: login, Drain: drain, AuditKeep: keep, logSettings: logSettings{LogLevel: level, LogFormat: format},
		}
		unixes := 0
		for _, proxy := range s.TrustedProxies {
			if strings.TrimSpace(proxy) == "unix" {
				unixes++
			}
		}
		life, lifeErr := time.ParseDuration(ttl)
		pause, pauseErr := time.ParseDuration(drain)
		kept, keptErr := time.ParseDuration(keep)
		fits := map[string]bool{
			"USERAPI_LISTEN or --listen":                     isListenAddress(listen),
			"USERAPI_OPS_LISTEN or --ops-listen":             ops == "off" || isListenAddress(ops),
			"USERAPI_FIRST_TOKEN_FILE or --first-token-file": tokenFile != "",
			"USERAPI_TRUSTED_PROXIES or --trusted-proxies":   !slices.ContainsFunc(s.TrustedProxies, func(text string) bool { return !isProxy(text) }),
			"USERAPI_TOKEN_TTL or --token-ttl":               lifeErr == nil && life > 0,
			"USERAPI_RATE_LIMIT or --rate-limit":             isLimit(rate),
			"USERAPI_LOGIN_LIMIT or --login-limit":           isLimit(login),
			"USERAPI_DRAIN or --drain":                       pauseErr == nil && pause >= 0,
			"USERAPI_AUDIT_KEEP or --audit-keep":             keptErr == nil && (kept == 0 || kept >= 24*time.Hour),
			"USERAPI_LOG_LEVEL or --log-level":               regexp.MustCompile(`(?i)^(debug|info|warn|error)$`).MatchString(level),
			"USERAPI_LOG_FORMAT or --log-format":             format == "text" || format == "json",
			"USERAPI_ADMIN_TOKEN":                            regexp.MustCompile(`^[!-~]{32,}$`).MatchString(token),
		}
		faults := ""
		if err := s.Validate(); err != nil {
			faults = "\n" + err.Error()
		}
		for name, fit := range fits {
			require.Equal(t, fit, !strings.Contains(faults, "\n"+name+": "), "%s: %s", name, faults)
		}
		require.NotContains(t, faults, canary)
		require.NotContains(t, postgres.Name(database), canary, "the log has the name of the database")
		require.True(t, postgres.HasPassword(database))
		if fits["USERAPI_RATE_LIMIT or --rate-limit"] && fits["USERAPI_LOGIN_LIMIT or --login-limit"] {
			require.Equal(t, strings.TrimLeft(rate, "+-0"), strings.TrimPrefix(fmt.Sprint(s.rateLimit), "0"))
			require.Equal(t, strings.TrimLeft(login, "+-0"), strings.TrimPrefix(fmt.Sprint(s.loginLimit), "0"))
		}
		if faults == "" {
			require.Equal(t, []any{token, life, pause, kept, len(s.TrustedProxies)}, []any{s.adminToken, s.tokenTTL, s.drain, s.auditKeep, len(s.trustedProxies) + unixes})
		}
	})
}

// FuzzArguments reads arguments, one on each line, and the environment: a variable that does not exist is named, arguments
// that are not UTF-8 are refused, and no error contains the value of a secret or of a variable that does not exist.
func FuzzArguments(f *testing.F) {
	for _, args := range []string{
		"", "serve", "version", "serve\n--help", "--help", "-h", "--version", "serve\n--version", "serve\n--listen", "serve\n--listen=", "serve\n--listen\n:0", "serve\n--pprof", "serve\n--pprof=maybe", "serve\n--no-pprof", "serve\n--", "serve\n--\n--listen", "serve\nextra", "--frob=1\nserve\n--nonsense", "-x", "-", "--", "---", "--=", "=", "serve\n-=1", "serve\n--=x", "a\xffb",
		"token\ncreate\n--user\nabc\n--frob\n--name=", "token\nrevoke\n-1", "token\nlist\n--user=99999999999", "user\ncreate\n--nick-name=a\xff", "backup", "backup\na\nb", "restore\n--replace\nx", "copy\na\nb", "audit\n--user=1", "serve\n--trusted-proxies=a,b,,c", "serve\n--trusted-proxies\n\n", "nonsense", "serve\nserve", "serve\n--listen\n--frob", "token", "token\n--user=1", "migrate\n--no-backup",
	} {
		f.Add(args, "NONSENSE", "secret", "host/db")
	}
	for _, variable := range []string{"", "ADMINTOKEN", "PPROF", "SERVICE_HOST", "PORT_80_TCP", "LISTENS", "ß", "\xff", "A=B", strings.Repeat("X", 100)} {
		f.Add("serve\n--rate-limit=x", variable, "sec\nret", "host:port/db")
	}
	f.Fuzz(func(t *testing.T, args, variable, secret, rest string) {
		t.Setenv("USERAPI_DATABASE", addressWith(setSecret(t, secret, args, variable, rest), rest))
		variable = environmentPrefix + strings.ReplaceAll(withoutNUL(variable), "=", "")
		if _, isSet := os.LookupEnv(variable); isSet || slices.Contains(shownVariables, variable) {
			t.Skip("its value is shown, or it is set already")
		}
		t.Setenv(variable, canary)
		var cli commandLine
		parser, err := kong.New(&cli, kong.Name("userapi"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
		require.NoError(t, err)
		given := strings.Split(args, "\n")
		command, err := parse(parser, given)
		if err == nil {
			require.NotNil(t, command)
		} else {
			require.NotContains(t, err.Error(), canary)
		}
		isInvalid := slices.ContainsFunc(given, func(arg string) bool { return strings.ToValidUTF8(arg, "") != arg })
		require.Equal(t, isInvalid, err != nil && strings.Contains(err.Error(), "the arguments must be valid UTF-8"), "%q", given)
		isForeign := strings.HasPrefix(variable, "USERAPI_PORT") || strings.HasPrefix(variable, "USERAPI_SERVICE_")
		require.Equal(t, !isForeign, err != nil && strings.Contains(err.Error(), variable+": there is no such setting"), "%q: %v", variable, err)
	})
}

// shownVariables are those whose wrong values errors show.
var shownVariables = []string{
	"USERAPI_LISTEN", "USERAPI_OPS_LISTEN", "USERAPI_PPROF", "USERAPI_TLS_CERT", "USERAPI_TLS_KEY", "USERAPI_ADMIN_TOKEN_FILE", "USERAPI_FIRST_TOKEN_FILE", "USERAPI_AUDIT_KEEP", "USERAPI_TRUSTED_PROXIES", "USERAPI_TOKEN_TTL", "USERAPI_RATE_LIMIT", "USERAPI_LOGIN_LIMIT",
	"USERAPI_DRAIN", "USERAPI_LOG_LEVEL", "USERAPI_LOG_FORMAT", "USERAPI_SEED",
}
