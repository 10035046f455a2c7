package postgres_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// BenchmarkChange measures updates of a phone by one client and by 64. Compare it with
// 'pgbench -M prepared' on the same server, with FSYNC=on for .ci/postgres.
func BenchmarkChange(b *testing.B) {
	s, err := postgres.Open(b.Context(), storetest.NewPostgres(b), postgres.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	const users = 1000
	var ids [users]directory.UserID
	for i := range ids {
		created, err := s.Change(b.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
			u := directory.User{Version: 1, NickName: fmt.Sprint("user", i), EnterpriseID: "e", Role: directory.RoleUser, CreateTime: time.Unix(1, 0)}
			return directory.Change{User: u, Event: &directory.Event{At: time.Unix(1, 0), EnterpriseID: "e"}}, nil
		})
		require.NoError(b, err)
		ids[i] = created.ID
	}
	var turn atomic.Int64
	change := func() error {
		_, err := s.Change(b.Context(), directory.Operator(), ids[turn.Add(1)*7919%users], func(f directory.Facts) (directory.Change, error) {
			u := f.Target
			u.Version++
			u.Phone = fmt.Sprint(u.Version)
			return directory.Change{User: u, Fields: []directory.Field{directory.FieldPhone}, Event: &directory.Event{At: time.Unix(1, 0), EnterpriseID: "e"}}, nil
		})
		return err
	}
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			b.SetParallelism(clients / runtime.GOMAXPROCS(0)) // RunParallel multiplies it again
			if clients == 1 {
				for b.Loop() {
					require.NoError(b, change())
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := change(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
