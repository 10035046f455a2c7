package telemetry

import (
	"bufio"
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
	// logDelay is how long a line may wait for others that are written with it.
	logDelay  = 100 * time.Millisecond
	logBuffer = 32 << 10 // bytes
)

// LogBuffer gathers lines: to write each on its own takes as long as to make it. What
// has waited for a tenth of a second is written, and so is a full buffer.
type LogBuffer struct {
	mutex   sync.Mutex
	buffer  *bufio.Writer
	timer   *time.Timer
	waiting bool // for the timer
}

// NewLogBuffer returns a buffer before w. Close has to be called at the end.
func NewLogBuffer(w io.Writer) *LogBuffer {
	b := &LogBuffer{buffer: bufio.NewWriterSize(w, logBuffer)}
	b.timer = time.AfterFunc(logDelay, func() { _ = b.flush() }) // nobody would learn that the log fails
	return b
}

// Write implements io.Writer.
func (b *LogBuffer) Write(line []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if !b.waiting {
		b.waiting = true
		b.timer.Reset(logDelay)
	}
	return b.buffer.Write(line)
}

func (b *LogBuffer) flush() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.waiting = false
	return b.buffer.Flush()
}

// Close writes what waits.
func (b *LogBuffer) Close() error {
	b.timer.Stop()
	return b.flush()
}
