package store

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What runs aside gives way to the rest of the process, and a panic in it is an error.
func TestLowPriorityWorkGivesWay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("priorities of threads are Linux's")
	}
	before, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	require.NoError(t, err)
	var within int
	require.NoError(t, runAtLowPriority(func() (err error) {
		within, err = syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		return err
	}))
	require.Equal(t, max(1, before-niceness), within, "20 less the niceness")
	require.ErrorContains(t, runAtLowPriority(func() error { panic("canary") }), "panic: string")
}
