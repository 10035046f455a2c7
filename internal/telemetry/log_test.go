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

// output signals each write on a channel.
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

// The buffer writes lines together and without a call to Close. A failed write loses only its
// own lines, and Close writes the rest.
func TestLogBufferWritesWholeLinesTogether(t *testing.T) {
	out := &output{written: make(chan struct{}, 10)}
	buffer := telemetry.NewLogBuffer(out)
	for range 2 {
		for _, line := range []string{"a\n", "b\n"} {
			_, err := buffer.Write([]byte(line))
			require.NoError(t, err)
		}
		<-out.written // the buffer writes after its delay
	}
	require.Equal(t, "a\nb\na\nb\n", out.String())
	out.failing = true
	long := strings.Repeat("x", 1000) + "\n"
	for range 40 {
		_, _ = buffer.Write([]byte(long))
	}
	<-out.written // a full buffer writes at once
	out.failing = false
	_, err := buffer.Write([]byte("end\n"))
	require.NoError(t, err)
	require.NoError(t, buffer.Close())
	require.True(t, strings.HasSuffix(out.String(), "\nend\n"), "the buffer must write again after a failure")
	for _, line := range strings.SplitAfter(out.String(), "\n") {
		require.Contains(t, []string{"a\n", "b\n", long, "end\n", ""}, line, "the buffer must write whole lines only")
	}
}
