package httpapi

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each limit of the server is set, so that no client can hold a connection open for ever.
func TestServerHasLimits(t *testing.T) {
	server := NewHTTPServer(nil, slog.New(slog.DiscardHandler))
	require.Positive(t, server.MaxHeaderBytes)
	for _, limit := range []time.Duration{server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout} {
		require.Positive(t, limit)
	}
}
