package apitest

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Log keeps what is written to it. It is safe for concurrent use.
type Log struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.Write(p)
}

func (l *Log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.String()
}

// LineWith returns the first line that contains the text.
func (l *Log) LineWith(t testing.TB, text string) string {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			return line
		}
	}
	require.Fail(t, "no line of the log contains "+text)
	return ""
}
