package telemetry

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// Formats of the log.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLogger writes a line for each record of this level and above.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == FormatJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

const (
	// flushDelay is how long a line may wait for others that are written with it.
	flushDelay    = 100 * time.Millisecond
	logBufferSize = 32 << 10 // bytes
)

// LogBuffer gathers lines: to write each on its own takes as long as to make it. What
// has waited for a tenth of a second is written, and so is a full buffer, by whole lines.
// What cannot be written is lost, but not what follows it.
type LogBuffer struct {
	mutex sync.Mutex
	out   io.Writer
	lines []byte
	timer *time.Timer
}

// NewLogBuffer returns a buffer before w. Close has to be called at the end.
func NewLogBuffer(w io.Writer) *LogBuffer {
	b := &LogBuffer{out: w}
	b.timer = time.AfterFunc(flushDelay, func() { _ = b.flush() }) // there is nobody to tell
	return b
}

// Write implements io.Writer. It takes whole lines.
func (b *LogBuffer) Write(line []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.lines) == 0 {
		b.timer.Reset(flushDelay)
	}
	b.lines = append(b.lines, line...)
	if len(b.lines) < logBufferSize {
		return len(line), nil
	}
	return len(line), b.flushLocked()
}

func (b *LogBuffer) flush() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.flushLocked()
}

func (b *LogBuffer) flushLocked() error {
	if len(b.lines) == 0 {
		return nil
	}
	_, err := b.out.Write(b.lines)
	b.lines = b.lines[:0]
	return err
}

// Close writes what waits.
func (b *LogBuffer) Close() error {
	b.timer.Stop()
	return b.flush()
}
