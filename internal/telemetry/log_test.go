package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"userapi/internal/telemetry"
)

// output keeps what is written, and when.
type output struct {
	stuck  chan struct{} // a write waits until this is closed; nil: it does not wait
	mutex  sync.Mutex
	text   bytes.Buffer
	writes []time.Time
	room   int // bytes that fit; negative: any number
}

func (o *output) Write(p []byte) (int, error) {
	if o.stuck != nil {
		<-o.stuck
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.writes = append(o.writes, time.Now())
	if o.room >= 0 && len(p) > o.room {
		n, _ := o.text.Write(p[:o.room])
		o.room = 0
		return n, errors.New("no space left")
	}
	return o.text.Write(p)
}

func (o *output) read() (text string, writes []time.Time) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String(), slices.Clone(o.writes)
}

func (o *output) makeRoom() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.room = -1
}

// dropped returns what the metric of the buffer says.
func dropped(t *testing.T, buffer *telemetry.LogBuffer) int {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(buffer.Metric())
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Equal(t, "userapi_log_lines_dropped_total", families[0].GetName())
	return int(families[0].GetMetric()[0].GetCounter().GetValue())
}

// pass lets this time pass in the bubble, which takes no time outside.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func writeLines(t *testing.T, w io.Writer, from, to int, rest string) {
	t.Helper()
	for i := from; i < to; i++ {
		line := fmt.Sprintf(`{"number":%d,"rest":%q}`+"\n", i, rest)
		n, err := io.WriteString(w, line)
		require.NoError(t, err)
		require.Equal(t, len(line), n)
	}
}

// requireLines fails unless the text consists of whole lines, which are lines with the numbers
// from 0 in their order, and reports in the place of all numbers that are missing before the
// next report ends. It returns how many are missing.
func requireLines(t *testing.T, text string, total int) (missing int) {
	t.Helper()
	require.True(t, strings.HasSuffix(text, "\n"), "the last line must be whole")
	next, reported := 0, 0
	for line := range strings.Lines(text) {
		var found struct {
			Number *int
			Level  string
			Lines  int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &found), "the line must be whole")
		if found.Number == nil {
			require.Equal(t, "WARN", found.Level)
			reported += found.Lines
			continue
		}
		require.GreaterOrEqual(t, *found.Number, next, "the lines must be in their order")
		missing += *found.Number - next
		require.Equal(t, missing, reported, "the report must be where the lines are missing")
		next = *found.Number + 1
	}
	missing += total - next
	require.Equal(t, missing, reported, "each missing line must be counted")
	return missing
}

// A line is written a tenth of a second later, together with those that came meanwhile, or when
// 32 KiB have been collected.
func TestLogBufferWritesLinesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{room: -1}
		buffer := telemetry.NewLogBuffer(out, slog.LevelInfo, telemetry.FormatJSON)
		begin := time.Now()
		writeLines(t, buffer, 0, 1, "")
		pass(99 * time.Millisecond)
		writeLines(t, buffer, 1, 2, "")
		pass(time.Second)
		_, writes := out.read()
		require.Equal(t, []time.Time{begin.Add(100 * time.Millisecond)}, writes)

		writeLines(t, buffer, 2, 35, strings.Repeat("x", 1000))
		synctest.Wait()
		_, writes = out.read()
		require.Len(t, writes, 2, "more than 32 KiB must be written at once")
		writeLines(t, buffer, 35, 36, "")
		closed := time.Now()
		require.NoError(t, buffer.Close())
		text, writes := out.read()
		require.Len(t, writes, 3)
		require.Equal(t, closed, writes[2], "Close must write the rest at once")
		require.Zero(t, requireLines(t, text, 36))
		require.NoError(t, buffer.Close())
	})
}

// If the output is stuck, Write does not wait. It drops what is more than 1 MiB, and a line says
// how many lines are missing when the output takes lines again.
func TestLogBufferDropsLinesIfTheOutputIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{room: -1, stuck: make(chan struct{})}
		buffer := telemetry.NewLogBuffer(out, slog.LevelInfo, telemetry.FormatJSON)
		kilobyte := strings.Repeat("x", 1000)
		const total = 5000
		writeLines(t, buffer, 0, 100, kilobyte)
		synctest.Wait() // now the goroutine is stuck
		writeLines(t, buffer, 100, total, kilobyte)
		lost := dropped(t, buffer)
		require.InDelta(t, total-1<<20/1024, lost, 30)
		close(out.stuck)
		pass(time.Second)
		text, _ := out.read()
		require.Equal(t, lost, requireLines(t, text, total))

		writeLines(t, buffer, total, total+1, "")
		require.NoError(t, buffer.Close())
		text, _ = out.read()
		require.Equal(t, lost, requireLines(t, text, total+1))
		require.Equal(t, lost, dropped(t, buffer))
	})
}

// Even if nothing waits next to lines that fill the whole buffer and are being written, dropped
// lines are reported without another line.
func TestLogBufferReportsLinesThatWereDroppedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{room: -1, stuck: make(chan struct{})}
		buffer := telemetry.NewLogBuffer(out, slog.LevelInfo, telemetry.FormatJSON)
		writeLines(t, buffer, 0, 1, strings.Repeat("x", 1<<20-100))
		synctest.Wait()
		writeLines(t, buffer, 1, 2, strings.Repeat("x", 100))
		close(out.stuck)
		pass(time.Second)
		text, _ := out.read()
		require.Equal(t, 1, requireLines(t, text, 2))
		require.NoError(t, buffer.Close())
	})
}

// A write that fails loses its lines, except one that was written in part: the rest of that line
// follows when the output takes lines again.
func TestLogBufferKeepsLinesWholeIfTheOutputFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, room := range []int{0, 1, 30, 100} {
			out := &output{room: room}
			buffer := telemetry.NewLogBuffer(out, slog.LevelInfo, telemetry.FormatJSON)
			writeLines(t, buffer, 0, 10, "")
			pass(time.Second)
			writeLines(t, buffer, 10, 20, "") // the output still fails
			pass(time.Second)
			out.makeRoom()
			writeLines(t, buffer, 20, 30, "")
			require.NoError(t, buffer.Close())
			text, _ := out.read()
			require.Contains(t, text, `"number":29`)
			require.NotContains(t, text, `"number":15`)
			missing := 0
			for line := range strings.Lines(text) {
				var found struct{ Lines int }
				require.NoError(t, json.Unmarshal([]byte(line), &found), "the line must be whole")
				missing += found.Lines
			}
			require.Equal(t, 30, strings.Count(text, `"number"`)+missing)
			require.Equal(t, missing, dropped(t, buffer))
		}
	})
}

// Close gives an output that is stuck a second.
func TestLogBufferCloseDoesNotWaitForAStuckOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{room: -1, stuck: make(chan struct{})}
		buffer := telemetry.NewLogBuffer(out, slog.LevelInfo, telemetry.FormatJSON)
		writeLines(t, buffer, 0, 1, "")
		begin := time.Now()
		require.Error(t, buffer.Close())
		require.Equal(t, time.Second, time.Since(begin))
		close(out.stuck)
		synctest.Wait() // the goroutine ends
	})
}
