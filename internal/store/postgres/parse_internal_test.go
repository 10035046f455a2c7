package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The setting says how long a connection may take. Without it, several hosts get less than one.
func TestConnectTimeout(t *testing.T) {
	for address, want := range map[string]struct {
		connect   time.Duration
		readWrite bool
	}{
		"postgres://user@h1/db":                              {2 * time.Second, false},
		"postgres://user@h1/db?connect_timeout=7":            {7 * time.Second, false},
		"postgres://user@h1,h2/db":                           {time.Second, true},
		"postgres://user@h1:1,h1:2/db?connect_timeout=5":     {5 * time.Second, true},
		"postgres://user@/db?host=h1,h2&sslmode=disable":     {time.Second, true},
		"postgres://user@h1/db?target_session_attrs=primary": {2 * time.Second, true},
	} {
		config, err := parse(address)
		require.NoError(t, err)
		require.Equal(t, want.connect, config.ConnConfig.ConnectTimeout, address)
		require.Equal(t, want.readWrite, config.ConnConfig.ValidateConnect != nil, address)
		hosts := time.Duration(len(hostsOf(&config.ConnConfig.Config)))
		require.Greater(t, unitTimeoutOf(config), hosts*want.connect, address)
	}
}
