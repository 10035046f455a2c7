package telemetry_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/telemetry"
)

// output tells of each write.
type output struct {
	mutex   sync.Mutex
	text    bytes.Buffer
	written chan struct{}
	failing bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	defer func() { o.written <- struct{}{} }()
	if o.failing {
		return 0, errors.New("no space left")
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// Lines are written together, without being asked for, and nothing is left at the end.
func TestLogBuffer(t *testing.T) {
	to := &output{written: make(chan struct{}, 10)}
	b := telemetry.NewLogBuffer(to)
	for range 2 {
		for _, line := range []string{"a\n", "b\n"} {
			_, err := b.Write([]byte(line))
			require.NoError(t, err)
		}
		<-to.written // when they have waited
	}
	require.Equal(t, "a\nb\na\nb\n", to.String())
	to.failing = true
	long := strings.Repeat("x", 1000) + "\n"
	for range 40 {
		_, _ = b.Write([]byte(long))
	}
	<-to.written // a full buffer does not wait
	to.failing = false
	_, err := b.Write([]byte("end\n"))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.True(t, strings.HasSuffix(to.String(), "\nend\n"), "a failure is not for ever")
	for _, line := range strings.SplitAfter(to.String(), "\n") {
		require.Contains(t, []string{"a\n", "b\n", long, "end\n", ""}, line, "lines are whole")
	}
}
