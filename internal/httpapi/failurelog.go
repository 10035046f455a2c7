package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"userapi/gen/api"
	"userapi/internal/directory"
	"userapi/internal/telemetry"
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

// serverLog logs what net/http says. Lines that a stranger can cause, without a request, are logged once a minute for
// each cause. It is safe for concurrent use.
type serverLog struct {
	logger *slog.Logger
	causes telemetry.CauseLog
}

// strangersLines are how the lines begin that a stranger can cause: handshakes that fail, and broken HTTP/2.
var strangersLines = []string{"http: TLS handshake error", "http2: server", "http2: received GOAWAY", "timeout waiting for"}

// Write implements io.Writer. [log.Logger] calls it with one line.
func (l *serverLog) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	if !slices.ContainsFunc(strangersLines, func(begin string) bool { return strings.HasPrefix(text, begin) }) {
		l.logger.Warn(text)
		return len(line), nil
	}
	cause, _, _ := strings.Cut(text, " from ") // an address comes next
	if leftOut, admitted := l.causes.Admit(cause, time.Now()); admitted {
		l.logger.Warn(text, "left_out", leftOut)
	}
	return len(line), nil
}
