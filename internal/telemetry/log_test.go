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
func TestLogBufferWritesWholeLinesTogether(t *testing.T) {
	out := &output{written: make(chan struct{}, 10)}
	buffer := telemetry.NewLogBuffer(out)
	for range 2 {
		for _, line := range []string{"a\n", "b\n"} {
			_, err := buffer.Write([]byte(line))
			require.NoError(t, err)
		}
		<-out.written // when they have waited
	}
	require.Equal(t, "a\nb\na\nb\n", out.String())
	out.failing = true
	long := strings.Repeat("x", 1000) + "\n"
	for range 40 {
		_, _ = buffer.Write([]byte(long))
	}
	<-out.written // a full buffer does not wait
	out.failing = false
	_, err := buffer.Write([]byte("end\n"))
	require.NoError(t, err)
	require.NoError(t, buffer.Close())
	require.True(t, strings.HasSuffix(out.String(), "\nend\n"), "a failure is not for ever")
	for _, line := range strings.SplitAfter(out.String(), "\n") {
		require.Contains(t, []string{"a\n", "b\n", long, "end\n", ""}, line, "lines are whole")
	}
}
