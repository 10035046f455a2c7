package httpapi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"
)

// ParsePrefixes reads addresses and CIDRs. The error lists all that are neither.
func ParsePrefixes(texts []string) ([]netip.Prefix, error) {
	var (
		prefixes []netip.Prefix
		faults   []error
	)
	for _, text := range texts {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		if address, addressErr := netip.ParseAddr(text); addressErr == nil {
			prefix, err = address.Prefix(address.BitLen())
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%q is no address or CIDR, as in 10.0.0.0/8", text))
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, errors.Join(faults...)
}

// clientAddress tells who is at the other end: the peer, or what a trusted proxy says.
func clientAddress(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, prefix := range trusted {
		options = append(options, echo.TrustIPRange(&net.IPNet{
			IP:   prefix.Masked().Addr().AsSlice(),
			Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}
