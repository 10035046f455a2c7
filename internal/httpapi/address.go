package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// ParsePrefix reads an IP address or a CIDR block. An address becomes a block of its own.
func ParsePrefix(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if address, err := netip.ParseAddr(text); err == nil {
		address = plain(address)
		return address.Prefix(address.BitLen())
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a CIDR block such as 10.0.0.0/8", text)
	}
	if address := prefix.Addr(); address.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(address.Unmap(), prefix.Bits()-96)
	}
	return prefix, nil
}

// plain returns an address without a zone. An IPv4 address in IPv6 becomes the IPv4 address.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

// Why X-Forwarded-For was not believed.
var (
	errUntrustedPeer = errors.New("ignored X-Forwarded-For from a peer that is not a trusted proxy: if it is your proxy, name it in USERAPI_TRUSTED_PROXIES")
	errUntrustedUnix = errors.New("ignored X-Forwarded-For from a peer on a Unix socket: if only your proxy connects to it, add 'unix' to USERAPI_TRUSTED_PROXIES")
	errNoAddress     = errors.New("ignored X-Forwarded-For from a trusted proxy, because an entry is not an IP address: such clients count as the proxy")
)

// clientAddress returns the client's address: the last address in X-Forwarded-For that is not a trusted
// proxy, or the peer's if the peer is not a trusted proxy. With an error, the address is the peer's. A peer on a
// Unix socket has the zero address.
func (s *Server) clientAddress(r *http.Request) (netip.Addr, error) {
	peer, _ := parseForwarded(r.RemoteAddr) // net/http has set it; only a peer on a Unix socket has no address
	lines := r.Header[echo.HeaderXForwardedFor]
	if len(lines) == 0 {
		return peer, nil
	}
	client := peer
	for _, entry := range slices.Backward(strings.Split(strings.Join(lines, ","), ",")) {
		if entry = strings.Trim(entry, " \t"); entry == "" {
			continue // an empty element of a list means nothing (RFC 9110 §5.6.1.2)
		}
		if !s.isTrusted(peer) {
			if !peer.IsValid() {
				return peer, errUntrustedUnix
			}
			return peer, errUntrustedPeer
		}
		address, err := parseForwarded(entry)
		if err != nil {
			return peer, errNoAddress
		}
		if client = address; !s.isTrusted(client) {
			break
		}
	}
	return client, nil
}

// isTrusted reports whether a peer is a trusted proxy. The zero address is that of a peer on a Unix socket.
func (s *Server) isTrusted(address netip.Addr) bool {
	if !address.IsValid() {
		return s.TrustUnix
	}
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// addressText returns an address for the log: "" for the zero address.
func addressText(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// parseForwarded reads an IP address with or without a port, which it drops. IPv6 may be in brackets.
func parseForwarded(text string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return plain(withPort.Addr()), nil
	}
	if inside, found := strings.CutPrefix(text, "["); found {
		text, found = strings.CutSuffix(inside, "]")
		if !found || !strings.Contains(text, ":") {
			return netip.Addr{}, errNoAddress
		}
	}
	address, err := netip.ParseAddr(text)
	return plain(address), err
}

// logForwarded warns that X-Forwarded-For was not believed, once a minute for each reason. It never
// logs the header, which anybody can send.
func (s *Server) logForwarded(x *exchange, reason error) {
	if leftOut, admitted := s.forwarded.Admit(reason.Error(), time.Now()); admitted {
		s.Logger.LogAttrs(x, slog.LevelWarn, reason.Error(), slog.String("request_id", x.requestID),
			slog.String("peer", addressText(x.address)), slog.Int("left_out", leftOut))
	}
}
