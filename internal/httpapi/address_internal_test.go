package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forwardedForms are the ways to write an address in X-Forwarded-For: what is the address, and what the port.
var forwardedForms = []*regexp.Regexp{
	regexp.MustCompile(`^(?P<address>[0-9.]+)(:(?P<port>[0-9]+))?$`),
	regexp.MustCompile(`(?s)^(?P<address>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(%.+)?(?P<port>)$`),
	regexp.MustCompile(`(?s)^\[(?P<address>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(%.+)?\](:(?P<port>[0-9]+))?$`),
}

// readForwarded is a second reading of an entry of X-Forwarded-For. It returns nil if the entry is no address.
func readForwarded(entry string) net.IP {
	for _, form := range forwardedForms {
		match := form.FindStringSubmatch(entry)
		if match == nil {
			continue
		}
		port := strings.TrimLeft(match[form.SubexpIndex("port")], "0")
		number, _ := strconv.Atoi(port)
		if ip := net.ParseIP(match[form.SubexpIndex("address")]); ip != nil && len(port) <= 5 && number <= 65535 {
			return ip
		}
	}
	return nil
}

// FuzzForwarded compares what the server reads in X-Forwarded-For with a second reading. A line of the text is a
// line of the header. If the peer is a stranger, the address is the peer's, whatever it sends.
func FuzzForwarded(f *testing.F) {
	for _, lines := range []string{
		"", " ", ",", " , ,", "203.0.113.9", "203.0.113.9:4711", "[2001:db9::1]:4711", "[2001:db9::1]", "2001:db9::1", "::ffff:203.0.113.9", "[::ffff:203.0.113.9]:80", "fe80::1%eth0", "[fe80::1%eth0]:1", "fe80::1%", "[fe80::1%a]b]:80",
		" \t198.51.100.1:1 ,\t203.0.113.9:2\t", "198.51.100.1, 203.0.113.9:2, [2001:db8::7]:3, 10.0.0.9", "198.51.100.1\n203.0.113.9", "nonsense, 203.0.113.9", "203.0.113.9, nonsense", "203.0.113.9, nonsense, 10.1.1.1", "2001:db8::7, 10.0.0.2:1",
		"203.0.113.9:", "203.0.113.9:x", "203.0.113.9:65535", "203.0.113.9:65536", "203.0.113.9:00080", "203.0.113.9:+1", "203.0.113", "203.0.113.09", "[203.0.113.9]", "[203.0.113.9]:1", "[2001:db9::1", "2001:db9::1]:1", "[]:1", "[]", ":1", "::", "0.0.0.0", "::ffff:10.0.0.1%a, 1.2.3.4",
		"203.0.113.9 198.51.100.1", "203.0.113.9\x00", "\xff", "::ffff:10.0.0.1", "10.0.0.1, 10.0.0.2", "203.0.113.9;10.0.0.1", "for=203.0.113.9", `"203.0.113.9"`, "1.2.3.4,\n,5.6.7.8",
	} {
		f.Add(lines, true)
		f.Add(lines, false)
	}
	proxies := []string{"10.0.0.0/8", "2001:db8::/32"}
	s := &Server{}
	var networks []*net.IPNet
	for _, proxy := range proxies {
		prefix, err := ParsePrefix(proxy)
		require.NoError(f, err)
		s.TrustedProxies = append(s.TrustedProxies, prefix)
		_, network, err := net.ParseCIDR(proxy)
		require.NoError(f, err)
		networks = append(networks, network)
	}
	isTrusted := func(ip net.IP) bool { return networks[0].Contains(ip) || networks[1].Contains(ip) }
	// follow returns the client, or nil if an entry that counts is no address.
	follow := func(peer net.IP, entries []string) net.IP {
		client := peer
		for len(entries) > 0 && isTrusted(client) {
			if client = readForwarded(entries[len(entries)-1]); client == nil {
				return nil
			}
			entries = entries[:len(entries)-1]
		}
		return client
	}
	f.Fuzz(func(t *testing.T, text string, isProxy bool) {
		peer := "192.0.2.1"
		if isProxy {
			peer = "10.9.8.7"
		}
		r := &http.Request{RemoteAddr: net.JoinHostPort(peer, "4711"), Header: http.Header{"X-Forwarded-For": strings.Split(text, "\n")}}
		got, err := s.clientAddress(r)
		require.True(t, got.IsValid() && got.Zone() == "" && !got.Is4In6(), got)
		var entries []string
		for _, entry := range regexp.MustCompile(`[,\n]`).Split(text, -1) {
			if entry = strings.Trim(entry, " \t"); entry != "" {
				entries = append(entries, entry)
			}
		}
		want := follow(net.ParseIP(peer), entries)
		switch {
		case !isProxy && len(entries) > 0:
			require.ErrorIs(t, err, errUntrustedPeer)
		case want == nil:
			require.ErrorIs(t, err, errNoAddress)
		default:
			require.NoError(t, err)
			require.Equal(t, want.String(), got.String(), "%q", text)
			return
		}
		require.Equal(t, peer, got.String(), "%q", text)
	})
}

// FuzzParsePrefix compares the reading of a trusted proxy with the one of package net, and asks both whether
// they contain an address.
func FuzzParsePrefix(f *testing.F) {
	for _, pair := range [][2]string{
		{"", "::1"},
		{"10.0.0.0/8", "10.1.2.3"},
		{"10.1.2.3/8", "11.1.2.3"},
		{" 10.0.0.1 ", "10.0.0.1"},
		{"10.0.0.1", "::ffff:10.0.0.1"},
		{"::ffff:10.0.0.1", "10.0.0.1"},
		{"::ffff:10.0.0.0/104", "10.9.9.9"},
		{"::ffff:0:0/96", "1.2.3.4"},
		{"::ffff:0:0/95", "1.2.3.4"},
		{"::/0", "1.2.3.4"},
		{"0.0.0.0/0", "::1"},
		{"0.0.0.0/0", "1.2.3.4"},
		{"2001:db8::/32", "2001:db8:1::"},
		{"2001:db8::1/129", "::1"},
		{"10.0.0.0/33", "::1"},
		{"10.0.0.0/08", "10.0.0.1"},
		{"10.0.0.0/+8", "10.0.0.1"},
		{"10.0.0/8", "10.0.0.1"},
		{"fe80::1%eth0", "fe80::1"},
		{"fe80::%eth0/64", "fe80::1"},
		{"10.0.0.0/8,11.0.0.0/8", "10.0.0.1"},
		{"example.com", "10.0.0.1"},
		{"10.0.0.0/255.0.0.0", "10.0.0.1"},
		{"1.2.3.4/32", "1.2.3.4"},
		{"::1/128", "::1"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, text, address string) {
		trimmed := strings.TrimSpace(text)
		single, zone, _ := strings.Cut(trimmed, "%")
		ip := net.ParseIP(single)
		_, network, err := net.ParseCIDR(trimmed)
		isZoneWrong := strings.Contains(trimmed, "%") && (zone == "" || !strings.Contains(single, ":"))
		var contains func(net.IP) bool
		switch {
		case ip != nil && !isZoneWrong:
			contains = ip.Equal
		case err == nil && !regexp.MustCompile(`/0[0-9]`).MatchString(trimmed):
			contains = network.Contains
		}
		prefix, err := ParsePrefix(text)
		require.Equal(t, contains != nil, err == nil, "%q: %v", text, err)
		if parsed := net.ParseIP(address); contains != nil && parsed != nil {
			client, err := netip.ParseAddr(address)
			require.NoError(t, err)
			require.Equal(t, contains(parsed), prefix.Contains(plain(client)), "%q %q", text, address)
		}
	})
}
