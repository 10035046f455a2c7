package sqlite_test

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/sqlite"
)

// toggleIsActive is a [directory.Decide] like that of an allowed update of is_active.
func toggleIsActive(facts directory.Facts) (directory.Change, error) {
	changed := facts.Target
	changed.Version++
	active := changed.Version%2 == 0
	changed.IsActive = &active
	return directory.Change{
		User: changed, Fields: []directory.Field{directory.FieldIsActive}, EndTokens: !active,
		Event: &directory.Event{
			At: time.Now(), ActorID: 1, TokenName: "operator", TargetID: changed.ID, EnterpriseID: changed.EnterpriseID,
			Operation: directory.OperationUpdateUser, Fields: []directory.Field{directory.FieldIsActive}, RequestID: "QG5D7YB4OPZ5AYPRQIVXYDGPIZ",
		},
	}, nil
}

// BenchmarkChange measures an update until it is on disk, with one client and with 64 that share
// commits.
func BenchmarkChange(b *testing.B) {
	const users = 1000
	for name, clients := range map[string]int{"clients=1": 1, "clients=64": 64} {
		b.Run(name, func(b *testing.B) {
			db, other := openTwice(b)
			_, err := other.ExecContext(b.Context(), addUsers, 1, users, 1, "")
			require.NoError(b, err)
			var number atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(clients)
			if clients > 1 {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						id := directory.UserID(1 + number.Add(7919)%users)
						if _, err := db.Change(b.Context(), directory.Operator(), id, toggleIsActive); err != nil {
							b.Error(err)
						}
					}
				})
				return
			}
			for b.Loop() {
				_, err := db.Change(b.Context(), directory.Operator(), directory.UserID(1+number.Add(7919)%users), toggleIsActive)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkUser measures the statement that every request runs.
func BenchmarkUser(b *testing.B) {
	db, other := openTwice(b)
	_, err := other.ExecContext(b.Context(), addUsers, 1, 1000, 1, "")
	require.NoError(b, err)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := db.User(b.Context(), directory.UserID(1+i*7919%1000))
		require.NoError(b, err)
	}
}

// BenchmarkStartAfterKill measures a start on 1,000,000 users and a log of 16 MB, as kill -9 leaves them.
func BenchmarkStartAfterKill(b *testing.B) {
	const users, logBytes = 1_000_000, 16 << 20
	db, other, path := openTwiceAt(b)
	_, err := other.ExecContext(b.Context(), addUsers, 1, users, 1, "")
	require.NoError(b, err)
	_, err = other.ExecContext(b.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(b, err)
	_, err = db.Change(b.Context(), directory.Operator(), 1, toggleIsActive)
	require.NoError(b, err)
	reader, err := other.QueryContext(b.Context(), "SELECT id FROM users") // so that the log stays
	require.NoError(b, err)
	defer func() { require.NoError(b, reader.Close()) }()
	require.True(b, reader.Next())
	for i := 0; db.Stats().LogBytes < logBytes; i++ {
		_, err := db.Change(b.Context(), directory.Operator(), directory.UserID(1+i*7919%users), toggleIsActive)
		require.NoError(b, err)
	}
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		killed := filepath.Join(b.TempDir(), "userapi.db")
		for _, suffix := range []string{"", "-wal"} { // in this order, the log is newer
			content, err := os.ReadFile(path + suffix)
			require.NoError(b, err)
			require.NoError(b, os.WriteFile(killed+suffix, content, 0o600))
		}
		b.StartTimer()
		_, err := sqlite.Migrate(b.Context(), killed, sqlite.Options{})
		require.NoError(b, err)
		started, err := sqlite.Open(b.Context(), killed, sqlite.Options{})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, started.Close())
		require.NoError(b, os.Remove(killed))
		b.StartTimer()
	}
	b.StopTimer()
	require.NoError(b, reader.Err())
}
