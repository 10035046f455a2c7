package telemetry

import (
	"maps"
	"sync"
	"time"
)

const (
	// causePeriod is how long a cause is not logged again.
	causePeriod = time.Minute
	// maxCauses bounds the memory if a cause's text differs each time.
	maxCauses = 32
)

// CauseLog decides which causes are logged, so that what lasts does not fill the log. Its zero value is ready to use,
// and it is safe for concurrent use.
type CauseLog struct {
	mutex  sync.Mutex
	causes map[string]*loggedCause
}

type loggedCause struct {
	at      time.Time // of the last line
	leftOut int       // lines since then
}

// Admit reports whether to log a line about this cause now, which is once a minute, and how many lines were left out
// since the last one. If there are too many causes, further ones count as one, "".
func (l *CauseLog) Admit(cause string, now time.Time) (leftOut int, admitted bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	recent := func(c *loggedCause) bool { return now.Sub(c.at) < causePeriod }
	if l.causes[cause] == nil && len(l.causes) >= maxCauses {
		maps.DeleteFunc(l.causes, func(text string, c *loggedCause) bool { return text != "" && !recent(c) })
		if len(l.causes) >= maxCauses {
			cause = ""
		}
	}
	last := l.causes[cause]
	if last != nil && recent(last) {
		last.leftOut++
		return 0, false
	}
	if last != nil {
		leftOut = last.leftOut
	}
	if l.causes == nil {
		l.causes = map[string]*loggedCause{}
	}
	l.causes[cause] = &loggedCause{at: now}
	return leftOut, true
}
