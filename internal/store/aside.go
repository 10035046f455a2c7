package store

import (
	"runtime"
	"syscall"
)

// niceness is how far those who look at every row stand behind everyone else where there
// is too much to do (nice(2)): they get a quarter of what others get.
const niceness = 5

// aside runs what takes long on a thread of its own and of lower priority.
func aside(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with this function
		if runtime.GOOS == "linux" {
			// Elsewhere it would be the priority of the process. To give way is always allowed.
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
		}
		done <- guarded(do)
	}()
	return <-done
}
