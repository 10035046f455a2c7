package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// HasPassword reports whether the address contains a password, or may contain one.
func HasPassword(address string) bool { return withoutPassword(address) != address }

// Name returns the address without the user, the password and the settings.
func Name(address string) string {
	config, err := parse(address)
	if err != nil {
		return "the database"
	}
	name := url.URL{Scheme: "postgres", Path: "/" + config.ConnConfig.Database}
	var hosts []string
	for _, host := range splitHosts(config.ConnConfig) {
		if strings.HasPrefix(host.Host, "/") {
			name.RawQuery = "host=" + host.Host
		} else {
			hosts = append(hosts, hostPort(host))
		}
	}
	name.Host = strings.Join(hosts, ",")
	return name.String()
}

// splitAddress returns the user and the password of an address, encoded, and what is before and after them.
func splitAddress(address string) (scheme, user, password, rest string) {
	scheme, rest, _ = strings.Cut(address, "://")
	if at := strings.IndexAny(rest, "@/"); at >= 0 && rest[at] == '@' { // as pgx does
		user, password, _ = strings.Cut(rest[:at], ":")
		rest = rest[at+1:]
	}
	return scheme + "://", user, password, rest
}

// checkPassword fails if nobody can say where the password ends: a part of it would be taken for a host
// or a database, which errors and the log show.
func checkPassword(address string) error {
	if _, _, _, rest := splitAddress(address); strings.Contains(rest, "@") {
		return errors.New("the address has an @ where none can be: write @ as %40, / as %2F and % as %25 in the user, in the password " +
			"and behind them, or keep the password in a file that PGPASSFILE names")
	}
	return nil
}

// withoutPassword returns the address without user and password, and without what is not a plain setting.
func withoutPassword(address string) string {
	scheme, user, password, rest := splitAddress(address)
	if strings.Contains(rest, "@") {
		return scheme
	}
	if password != "" {
		address = scheme + user + "@" + rest
	}
	place, query, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	settings := slices.DeleteFunc(strings.Split(query, "&"), func(setting string) bool {
		key, _, _ := strings.Cut(setting, "=")
		name, err := url.QueryUnescape(key)
		return err != nil || strings.Contains(name, "password")
	})
	return place + "?" + strings.Join(settings, "&")
}

// explainAddress returns what is wrong with an address that [pgxpool.ParseConfig] refuses. That error may
// contain a part of the password, so this one is of the address without it.
func explainAddress(address string) error {
	scheme, _, _, rest := splitAddress(withoutPassword(address))
	_, err := pgxpool.ParseConfig(scheme + rest)
	if err == nil {
		return errors.New("the user or the password in the address is wrong: write % as %25, @ as %40 and / as %2F in them, " +
			"or keep the password in a file that PGPASSFILE names")
	}
	reason := err.Error()
	if repeated := strings.LastIndex(reason, "`: "); repeated >= 0 {
		reason = reason[repeated+len("`: "):]
	}
	return fmt.Errorf("use postgres://USER@HOST/DATABASE: the address, or a variable or file that adds to it, is wrong: %s", oneLine(reason))
}

// splitHosts splits a configuration into one for each host, in the order in which they are tried.
func splitHosts(config *pgx.ConnConfig) (hosts []*pgx.ConnConfig) {
	ways := candidates(&config.Config)
	for len(ways) > 0 {
		next := 1
		for next < len(ways) && ways[next].Host == ways[0].Host && ways[next].Port == ways[0].Port {
			next++ // with and without TLS
		}
		host := config.Copy()
		host.Host, host.Port, host.TLSConfig, host.Fallbacks = ways[0].Host, ways[0].Port, ways[0].TLSConfig, ways[1:next]
		hosts, ways = append(hosts, host), ways[next:]
	}
	return hosts
}

// hostPort returns how a person knows the server of a configuration.
func hostPort(config *pgx.ConnConfig) string {
	if strings.HasPrefix(config.Host, "/") {
		_, socket := pgconn.NetworkAddress(config.Host, config.Port)
		return socket
	}
	return net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

// oneLine returns a text without the ends of lines, and without lines that the driver repeats.
func oneLine(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if part := strings.TrimSpace(line); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}
