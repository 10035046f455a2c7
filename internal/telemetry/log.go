package telemetry

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// The formats of the log.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLogger returns a logger that writes one line for each record of this level or above. Any
// format except [FormatJSON] is [FormatText].
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == FormatJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

const (
	// flushDelay is how long a line may wait for more lines to be written with it.
	flushDelay    = 100 * time.Millisecond
	logBufferSize = 32 << 10 // bytes
)

// LogBuffer collects log lines and writes them together, because writing each line alone takes
// as long as making it. It writes whole lines when the first one is a tenth of a second old or
// the buffer is full. Lines that it cannot write are lost, but it still writes later ones. It is
// safe for concurrent use.
type LogBuffer struct {
	mutex sync.Mutex
	out   io.Writer
	lines []byte
	timer *time.Timer
}

// NewLogBuffer returns a buffer that writes to w. The caller must close it at the end.
func NewLogBuffer(w io.Writer) *LogBuffer {
	b := &LogBuffer{out: w}
	b.timer = time.AfterFunc(flushDelay, func() { _ = b.flush() }) // nobody waits for the result
	return b
}

// Write implements [io.Writer]. Each call must pass whole lines. If the buffer is full, Write
// returns the error of the output.
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

// Close writes the lines that are still in the buffer.
func (b *LogBuffer) Close() error {
	b.timer.Stop()
	return b.flush()
}
