package sqlite

import (
	"log/slog"
	"time"
)

// Options are what [Open] and [Migrate] need to know in addition to the path.
type Options struct {
	// Logger gets what an operator has to know, such as a database file that is gone. nil
	// discards it.
	Logger *slog.Logger
	// Fatal ends the process, and does not return. It is called if nobody can say whether a commit
	// is on disk. nil panics.
	Fatal func(error)
	// KeepBackup makes [Migrate] write a backup next to the database before it changes the schema.
	KeepBackup bool
	// Now is the clock by which failures are counted. nil is [time.Now].
	Now func() time.Time
}

// clock returns Now, or time.Now.
func (o Options) clock() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

// logger returns the Logger, or one that discards everything.
func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}
