package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/sqlite"
	"userapi/internal/store/storetest"
)

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Database {
		path := filepath.Join(t.TempDir(), "userapi.db")
		_, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
		require.NoError(t, err)
		// One node: writers of several processes wait for each other in steps of milliseconds, and give up after busyTimeout.
		return storetest.Database{Nodes: 1, Open: func(t testing.TB) directory.Store {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		}}
	})
}
