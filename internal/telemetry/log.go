package telemetry

import (
	"io"
	"log/slog"
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
