package sqlite

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The thread of the function has a lower priority, and a panic of the function is an error.
func TestLowPriorityWorkGivesWay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("thread priorities exist on Linux only")
	}
	before, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	require.NoError(t, err)
	var within int
	require.NoError(t, runAtLowPriority(func() (err error) {
		within, err = syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		return err
	}))
	require.Equal(t, max(1, before-niceness), within, "the system call returns 20 minus the nice value")
	require.ErrorContains(t, runAtLowPriority(func() error { panic("canary") }), "panic: string")
}
