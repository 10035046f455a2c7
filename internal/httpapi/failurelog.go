package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"userapi/gen/api"
	"userapi/internal/directory"
)

// refusalPeriod is the time from one line about refusals to the next.
const refusalPeriod = time.Second

// refusalLog counts requests that were refused because too many wait. Its zero value is ready to
// use, and it is safe for concurrent use.
type refusalLog struct {
	mutex   sync.Mutex
	count   int   // since the last line
	cause   error // of the last refusal
	pending bool  // the next line is scheduled
}

// add counts a refusal. The first one is logged at once, and those that follow in one line for each
// refusalPeriod.
func (l *refusalLog) add(cause error, logger *slog.Logger) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.count++
	l.cause = cause
	if !l.pending {
		l.write(logger)
	}
}

// write logs what was counted and schedules the next line. It is called with mutex held.
func (l *refusalLog) write(logger *slog.Logger) {
	if l.pending = l.count > 0; !l.pending {
		return
	}
	logger.LogAttrs(context.Background(), slog.LevelWarn, "requests were refused because too many wait",
		slog.Int("count", l.count), slog.Any("error", l.cause))
	l.count = 0
	time.AfterFunc(refusalPeriod, func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.write(logger)
	})
}

// waitedTooLong reports whether the request has waited for [Server.RequestTimeout]. A deadline of the store is another
// matter.
func waitedTooLong(x *exchange, failure *requestError) bool {
	return errors.Is(failure.Err, context.DeadlineExceeded) && x.Err() != nil
}

// logFailure logs why a request is answered with 500 or 503. Refusals because too many requests
// wait share a line. Any other cause of 503 is logged once a minute, because every request fails
// with it while it lasts.
func (s *Server) logFailure(x *exchange, failure *requestError) {
	if failure.Code == api.ProblemCodeUnavailable && (waitedTooLong(x, failure) || errors.Is(failure.Err, directory.ErrQueueFull)) {
		s.refused.add(failure.Err, s.Logger)
		return
	}
	attributes := []slog.Attr{slog.String("request_id", x.requestID), slog.Any("error", failure.Err)}
	if failure.Code == api.ProblemCodeUnavailable {
		cause := readyDetail(failure.Err)
		if cause == "" {
			cause = fmt.Sprint(failure.Err)
		}
		leftOut, admitted := s.unavailable.Admit(cause, time.Now())
		if !admitted {
			return
		}
		attributes = append(attributes, slog.Int("left_out", leftOut))
	}
	s.Logger.LogAttrs(x, slog.LevelError, "request failed", attributes...)
}
