//go:build long

package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/store/storetest"
)

// Ten failovers of each kind, five of them while commits wait for the standby. Writes are back soon.
func TestManyFailovers(t *testing.T) {
	for name, kind := range map[string]struct {
		fault func(*storetest.Cluster, testing.TB)
		limit time.Duration
	}{
		"killed": {(*storetest.Cluster).Kill, time.Second},
		"hung":   {(*storetest.Cluster).Hang, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var sum failover
			for run := range 10 {
				result := failOver(t, kind.fault, run%2 == 0)
				t.Log(result)
				sum.acknowledged += result.acknowledged
				sum.refused += result.refused
				sum.unresolved += result.unresolved
				sum.unanswered += result.unanswered
				sum.first, sum.all = max(sum.first, result.first), max(sum.all, result.all)
			}
			t.Log("10 runs: ", sum)
			require.Positive(t, sum.unanswered)
			require.Less(t, sum.first, kind.limit)
		})
	}
}
