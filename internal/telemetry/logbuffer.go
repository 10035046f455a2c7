package telemetry

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// flushDelay is how long a line may wait for more lines to be written with it.
	flushDelay = 100 * time.Millisecond
	flushSize  = 32 << 10 // bytes that are written without waiting for more
	bufferSize = 1 << 20  // bytes that wait or are being written, at most
	// closeTimeout is how long Close waits for an output that is slow or stuck.
	closeTimeout = time.Second
)

// LogBuffer collects log lines, and one goroutine writes them to the output. So nobody who logs
// ever waits for the output, which is slow if it is a terminal, and stuck if it is a pipe that
// nobody reads. It writes whole lines when the first one is a tenth of a second old or 32 KiB
// have been collected.
//
// It drops lines if 1 MiB is waiting, and lines that it fails to write. It counts them in the
// metric userapi_log_lines_dropped_total. When the output takes lines again, a line of level
// WARN says how many were dropped. It is safe for concurrent use.
type LogBuffer struct {
	out     io.Writer
	dropped prometheus.Counter
	cut     []byte // the end of a line whose beginning has been written

	reporter *slog.Logger // writes to report
	report   bytes.Buffer

	mutex      sync.Mutex
	waiting    []byte // whole lines
	spare      []byte // is waiting again after the next flush
	writing    int    // bytes that are being written
	unreported int    // dropped lines that no line of the log has counted

	wake, full chan struct{} // each holds one signal for the goroutine
	stop       func()
	stopping   chan struct{}
	stopped    chan struct{}
}

// NewLogBuffer returns a buffer that writes to w. It reports dropped lines in this format,
// unless the level is above WARN. The caller must close it at the end.
func NewLogBuffer(w io.Writer, level slog.Level, format string) *LogBuffer {
	b := &LogBuffer{
		out: w,
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "userapi_log_lines_dropped_total",
			Help: "Log lines that were lost because the output of the log did not take them in time, or failed.",
		}),
		wake:     make(chan struct{}, 1),
		full:     make(chan struct{}, 1),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	b.reporter = NewLogger(&b.report, level, format)
	b.stop = sync.OnceFunc(func() { close(b.stopping) })
	go b.run()
	return b
}

// Metric returns the metric of this buffer, for a registry.
func (b *LogBuffer) Metric() prometheus.Collector { return b.dropped }

// Write implements [io.Writer]. Each call must pass whole lines. It never waits for the output
// and never fails: it drops the lines if the buffer is full.
func (b *LogBuffer) Write(lines []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	before := len(b.waiting)
	if before == 0 {
		signal(b.wake)
	}
	if b.writing+before+len(lines) > bufferSize {
		number := countLines(lines)
		b.unreported += number
		b.dropped.Add(float64(number))
		return len(lines), nil
	}
	b.waiting = append(b.waiting, lines...)
	if before < flushSize && len(b.waiting) >= flushSize {
		signal(b.full)
	}
	return len(lines), nil
}

// signal fills a channel that holds one signal.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func countLines(lines []byte) int { return bytes.Count(lines, []byte{'\n'}) }

// run writes lines until the buffer is closed.
func (b *LogBuffer) run() {
	defer close(b.stopped)
	for stopping := false; !stopping; {
		select {
		case <-b.wake:
			select {
			case <-time.After(flushDelay):
			case <-b.full:
			case <-b.stopping:
			}
		case <-b.stopping:
			stopping = true
		}
		b.flush()
	}
}

// flush writes all lines that wait, and how many were dropped after them.
func (b *LogBuffer) flush() {
	b.mutex.Lock()
	lines, missing := b.waiting, b.unreported
	b.waiting, b.writing, b.unreported = b.spare[:0], len(lines), 0
	b.mutex.Unlock()

	failed := b.write(lines)
	b.dropped.Add(float64(failed))
	missing += failed
	if missing > 0 && b.writeReport(missing) {
		missing = 0
	}

	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.spare, b.writing = lines, 0
	b.unreported += missing
}

// write returns how many of the lines it could not write. If it fails in the middle of a line,
// it writes the rest of that line later, so that no two lines become one.
func (b *LogBuffer) write(lines []byte) (failed int) {
	if len(b.cut) > 0 {
		n, err := b.out.Write(b.cut)
		if b.cut = b.cut[n:]; err != nil {
			return countLines(lines)
		}
	}
	if len(lines) == 0 {
		return 0
	}
	n, err := b.out.Write(lines)
	if err == nil {
		return 0
	}
	rest := lines[n:]
	if n > 0 && lines[n-1] != '\n' {
		end := bytes.IndexByte(rest, '\n') + 1
		b.cut, rest = bytes.Clone(rest[:end]), rest[end:]
	}
	return countLines(rest)
}

// writeReport reports whether it could write how many lines are missing.
func (b *LogBuffer) writeReport(missing int) bool {
	b.report.Reset()
	b.reporter.Warn("log lines were dropped: the log was not read in time, or could not be written", "lines", missing)
	return b.write(b.report.Bytes()) == 0
}

// Close writes the lines that wait. If the output does not take them within a second, Close
// fails and they are lost. So are lines that are written later.
func (b *LogBuffer) Close() error {
	b.stop()
	select {
	case <-b.stopped:
		return nil
	case <-time.After(closeTimeout):
		return errors.New("the output of the log does not take the last lines")
	}
}
