package postgres

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
)

// hosts remembers which host of the setting is the primary, so that the next connection does not first wait for
// one that hangs.
type hosts struct {
	logger *slog.Logger
	moved  prometheus.Counter
	good   atomic.Pointer[host] // the last one that was connected to, or nil
}

// host is one of the servers in the setting.
type host struct {
	name string
	port uint16
}

// hostsOf returns the hosts of the setting, in its order. With sslmode=prefer, the driver has each of them twice.
func hostsOf(config *pgconn.Config) []host {
	var all []host
	for _, c := range candidates(config) {
		if h := (host{c.Host, c.Port}); !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}

// candidates returns what the driver tries for a connection, in this order.
func candidates(config *pgconn.Config) []*pgconn.FallbackConfig {
	first := &pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}
	return append([]*pgconn.FallbackConfig{first}, config.Fallbacks...)
}

// prefer makes a connection try the last good host first, and remember the one that it leads to. It does nothing
// if there is one host only. The config must not be shared.
func (h *hosts) prefer(config *pgconn.Config) {
	all := hostsOf(config)
	if len(all) < 2 {
		return
	}
	if good := h.good.Load(); good != nil {
		ordered := candidates(config)
		slices.SortStableFunc(ordered, func(a, b *pgconn.FallbackConfig) int {
			return h.rank(*good, a) - h.rank(*good, b)
		})
		first := ordered[0]
		config.Host, config.Port, config.TLSConfig, config.Fallbacks = first.Host, first.Port, first.TLSConfig, ordered[1:]
	}
	// The driver does not tell which host a connection leads to, but the address does.
	addresses, lookUp := map[string]host{}, config.LookupFunc
	config.LookupFunc = func(ctx context.Context, name string) ([]string, error) {
		found, err := lookUp(ctx, name)
		for _, ip := range found {
			for _, named := range all {
				if named.name == name {
					addresses[net.JoinHostPort(ip, strconv.Itoa(int(named.port)))] = named
				}
			}
		}
		return found, err
	}
	config.AfterConnect = func(_ context.Context, c *pgconn.PgConn) error {
		if used, known := addresses[c.Conn().RemoteAddr().String()]; known {
			h.note(used)
		}
		return nil
	}
}

func (*hosts) rank(good host, c *pgconn.FallbackConfig) int {
	if c.Host == good.name && c.Port == good.port {
		return 0
	}
	return 1
}

// note remembers the host of a new connection.
func (h *hosts) note(used host) {
	before := h.good.Swap(&used)
	if before == nil || *before == used {
		return
	}
	h.moved.Inc()
	h.logger.Warn("the database is on another host now", "host", used.name, "port", used.port)
}
