package sqlite

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The guard makes seven system calls in each batch. They do not wait, because the files are open and what
// they read was written just now. So they need not tell Go's scheduler, which would wake a thread of its
// own for each: that took 2 % of the throughput of one client.

// statx calls statx(2).
func statx(path string, fields int) (found unix.Statx_t, err error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return found, err
	}
	here := unix.AT_FDCWD
	for {
		_, _, failure := unix.RawSyscall6(unix.SYS_STATX, uintptr(here), uintptr(unsafe.Pointer(name)), 0, //nolint:gosec // the call keeps no pointer
			uintptr(fields), uintptr(unsafe.Pointer(&found)), 0) //nolint:gosec // as above
		runtime.KeepAlive(name)
		if failure == 0 {
			return found, nil
		}
		if failure != unix.EINTR {
			return found, &os.PathError{Op: "statx", Path: path, Err: failure}
		}
	}
}

// pread calls pread(2), and reports whether it has filled the buffer.
func pread(file int, buffer []byte, offset int64) bool {
	n, _, failure := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(file), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), //nolint:gosec // as above
		uintptr(offset), 0, 0) //nolint:gosec // offsets are not negative
	return failure == 0 && int(n) == len(buffer)
}

// openToRead opens a file for pread. Close it with [syscall.Close]: an os.File would be closed with the last
// pointer to it, see writer.abandon.
func openToRead(path string) (file int, err error) {
	file, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return file, nil
}
