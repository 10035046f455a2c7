package sqlite_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/store/sqlite"
	"userapi/internal/store/storetest"
)

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Database {
		path, other := newDatabase(t)
		return storetest.Database{
			Open:  func(ctx context.Context) (storetest.Store, error) { return sqlite.Open(ctx, path, sqlite.Options{}) },
			Nodes: 1, // writers of several processes wait for each other in steps of milliseconds, and give up after busyTimeout
			SQL:   other,
			RefuseFaults: []string{
				`CREATE TRIGGER fault BEFORE INSERT ON events WHEN new.operation = 'fault' BEGIN SELECT RAISE(ABORT, 'injected'); END`,
			},
			Verify: func(t storetest.TB) {
				requireCounts(t, other)
				require.Equal(t, []string{"0"}, queryRows(t, other, sqlite.CountWrongEventTargets))
			},
		}
	})
}
