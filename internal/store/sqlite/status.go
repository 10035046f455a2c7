package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"

	"userapi/internal/directory"
)

const (
	// logInterval is how often the log repeats what lasts.
	logInterval = time.Minute
	// checkpointPatience is how long checkpoints may fail before the server is not ready.
	checkpointPatience = time.Minute
	// longLog is how long a log is, in bytes, when the operator hears of it.
	longLog = 64 << 20
)

// Stats are numbers for the operator.
type Stats struct {
	MainBytes          int64 // size of the database file
	LogBytes           int64 // size of the log's file
	UnmovedFrames      int64 // pages in the log that are not yet in the database file
	Checkpoints        int64 // how many have succeeded
	CheckpointFailures int64
	WriteFailures      int64 // batches that the system did not let SQLite write
	Ready              bool  // the files are there and can be written
}

// status is what keeps the store from working, and what its log and its metrics say of that. Any
// goroutine may use it.
type status struct {
	logger *slog.Logger
	now    func() time.Time

	mu              sync.Mutex
	stats           Stats
	writeFault      error // why the last write failed, nil if it succeeded
	checkpointFault error // why the last checkpoint failed, nil if it succeeded
	checkpointSince time.Time
	writes, moves   repeated
	long            repeated
}

func newStatus(logger *slog.Logger) *status { return &status{logger: logger, now: time.Now} }

// repeated limits a line of the log to one in each logInterval.
type repeated struct {
	last  time.Time
	count int // since then
}

// due reports whether the line is to be logged now, and how often there was reason to since the last one.
func (r *repeated) due(now time.Time) (count int, due bool) {
	r.count++
	if !r.last.IsZero() && now.Sub(r.last) < logInterval {
		return 0, false
	}
	count, r.count, r.last = r.count, 0, now
	return count, true
}

// writeFailed notes that the system did not let SQLite write. It ignores all other errors, and nil.
func (s *status) writeFailed(err error) {
	failure, ok := errors.AsType[sqlite3.Error](err)
	if !ok || !isRefusedWrite(failure) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.WriteFailures++
	s.writeFault = failure
	if count, due := s.writes.due(s.now()); due {
		s.logger.Error("the database cannot be written: changes are refused until the disk accepts them again, which the server tries each second",
			"error", failure.Error(), "failures", count)
	}
}

func (s *status) writeSucceeded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeFault != nil {
		s.writeFault = nil
		s.logger.Info("the database can be written again")
	}
}

// unwritable reports whether the last write failed because of the system.
func (s *status) unwritable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeFault != nil
}

// checkpointEnded notes the result of a checkpoint.
func (s *status) checkpointEnded(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if err == nil {
		s.stats.Checkpoints++
		if s.checkpointFault != nil {
			s.logger.Info("checkpoints work again")
		}
		s.checkpointFault = nil
		return
	}
	if !isDiskError(err) {
		return
	}
	s.stats.CheckpointFailures++
	if s.checkpointFault == nil {
		s.checkpointSince = now
	}
	s.checkpointFault = err
	if count, due := s.moves.due(now); due {
		s.logger.Error("a checkpoint failed: changes stay in the log, which grows, and nothing is lost as long as it is kept. Look at the disk",
			"error", err.Error(), "failures", count)
	}
}

// warnOfLength logs if the log of so many bytes is long and cannot be moved.
func (s *status) warnOfLength(bytes int64, log logState) {
	if log.frames == log.moved || bytes < longLog {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, due := s.long.due(s.now()); due {
		s.logger.Warn("the log of the database is long, because a reader holds an old state: end programs such as sqlite3 that have the database open",
			"bytes", bytes, "frames_not_moved", log.frames-log.moved)
	}
}

// problem returns why the store is not ready, or nil.
func (s *status) problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeFault != nil {
		return &directory.Error{Code: directory.CodeUnavailable, Err: &notReady{"The database cannot be written.", s.writeFault}}
	}
	if s.checkpointFault != nil && s.now().Sub(s.checkpointSince) > checkpointPatience {
		return &directory.Error{Code: directory.CodeUnavailable, Err: &notReady{
			"Checkpoints of the database have failed since " + s.checkpointSince.UTC().Format(time.RFC3339) + ".", s.checkpointFault,
		}}
	}
	return nil
}

// Stats returns the numbers of this moment.
func (s *Store) Stats() Stats {
	if s.writer == nil {
		return Stats{Ready: true}
	}
	stats := s.writer.status.counts()
	stats.Ready = s.writer.status.problem() == nil && s.writer.files.broken() == nil
	stats.MainBytes, stats.LogBytes, stats.UnmovedFrames = s.writer.mainBytes(), s.writer.files.logSize(), s.writer.unmoved.Load()
	return stats
}

// notReady is why the store is not ready.
type notReady struct {
	detail string // a sentence for everybody, without paths
	cause  error
}

func (e *notReady) Error() string { return e.detail + " " + e.cause.Error() }

func (e *notReady) Unwrap() error { return e.cause }

// ReadyDetail returns a sentence that /readyz shows.
func (e *notReady) ReadyDetail() string { return e.detail }

// counts returns the numbers that status counts.
func (s *status) counts() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// newProbe returns a unit that writes without changing anything.
func newProbe() *unit {
	return newUnit(context.Background(), func(tx session) error { return tx.prepared.exec(keepIdentity) })
}
