package telemetry

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Even if each line has another cause, the log keeps few causes and writes few lines.
func TestCausesAreBounded(t *testing.T) {
	const lines = 1000
	var log CauseLog
	start, before := time.Now(), 0
	for minute := range 3 {
		admitted, leftOut := 0, 0
		for i := range lines {
			n, ok := log.Admit(fmt.Sprint(minute, " ", i), start.Add(time.Duration(minute)*time.Minute))
			if ok {
				admitted++
				leftOut += n
			}
		}
		require.LessOrEqual(t, admitted, maxCauses+1)
		require.LessOrEqual(t, len(log.causes), maxCauses+1)
		require.Equal(t, before, leftOut, "each line that was left out a minute before must be counted")
		before = lines - admitted
	}
}
