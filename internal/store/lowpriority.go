package store

import (
	"runtime"
	"syscall"
)

// niceness is added to that of a thread that looks at every row (nice(2)): where there is
// too much to do, it gets a third of the time that another thread gets.
const niceness = 5

// runAtLowPriority runs what takes long on a thread of its own and of lower priority.
func runAtLowPriority(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()       // and never unlock it: so the thread ends with this function
		if runtime.GOOS == "linux" { // elsewhere it would be the priority of the process
			if now, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil {
				// The system call returns 20 less the niceness (getpriority(2)). To give way is always allowed.
				_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 20-now+niceness)
			}
		}
		done <- catchPanic(fn)
	}()
	return <-done
}
