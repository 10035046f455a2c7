package telemetry_test

import (
	"bytes"
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
}

func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	defer func() { o.written <- struct{}{} }()
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
	_, err := b.Write([]byte(strings.Repeat("x", 100_000)))
	require.NoError(t, err)
	<-to.written // what is long does not wait
	_, err = b.Write([]byte("end\n"))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.True(t, strings.HasSuffix(to.String(), "xend\n"))
}
