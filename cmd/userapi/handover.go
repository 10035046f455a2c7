package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// keptName is the name that the public listener has in systemd's file descriptor store.
const keptName = "api"

// notifyTimeout is how long systemd may take to accept a message, and how long to process it.
const notifyTimeout = 5 * time.Second

// supervisor is systemd, if it has started the process.
type supervisor struct {
	socket string // where it takes messages (sd_notify(3)); "": nowhere
}

// newSupervisor takes the address from the environment, so that no child has it.
func newSupervisor() supervisor {
	const variable = "NOTIFY_SOCKET"
	s := supervisor{socket: os.Getenv(variable)}
	_ = os.Unsetenv(variable)
	return s
}

// ready tells systemd that the server serves.
func (s supervisor) ready(logger *slog.Logger) {
	if err := s.notify("READY=1"); err != nil {
		logger.Warn("systemd cannot be told that the server is ready", "error", err)
	}
}

// listenKept returns listenAt for a listener that systemd keeps open over a restart of the service, so that new
// connections wait for the next process instead of being refused. Call it once: it takes what systemd has passed on.
// Without systemd it does the same as listenAt.
func (s supervisor) listenKept(logger *slog.Logger) func(ctx context.Context, address string) (net.Listener, error) {
	return func(ctx context.Context, address string) (net.Listener, error) {
		kept, others := inheritedListener(address)
		if kept != nil {
			return kept, nil
		}
		var forgotten error
		if others {
			forgotten = s.forgetKept()
		}
		l, err := listenAt(ctx, address)
		if err != nil {
			return nil, errors.Join(err, forgotten)
		}
		if err := errors.Join(forgotten, s.keep(l)); err != nil {
			logger.Warn("systemd cannot keep the socket of the API: connections are refused while the service restarts", "error", err)
		}
		return l, nil
	}
}

// inheritedListener returns the listener at an address that systemd has kept, or nil. It closes all other descriptors
// that the process was given, and reports whether one of them has the name of a kept listener.
func inheritedListener(address string) (kept net.Listener, others bool) {
	for _, file := range activation.Files(true) {
		l := listenerOf(file)
		switch {
		case file.Name() != keptName:
			closeListeners(l)
		case kept == nil && l != nil && listensAt(l, address):
			kept = l
		default:
			closeListeners(l)
			others = true
		}
		_ = file.Close() // the listener has a copy
	}
	return kept, others
}

// listenerOf returns nil unless the file is a listening stream socket.
func listenerOf(file *os.File) net.Listener {
	l, err := net.FileListener(file)
	if err != nil {
		return nil
	}
	listens := 0
	err = control(l, func(fd int) (err error) {
		listens, err = syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		return err
	})
	if network := l.Addr().Network(); err != nil || listens == 0 || network != "tcp" && network != "unix" {
		_ = l.Close()
		return nil
	}
	return l
}

// listensAt reports whether listenAt would open an address where l listens.
func listensAt(l net.Listener, address string) bool {
	path, isUnix := strings.CutPrefix(address, unixPrefix)
	switch is := l.Addr().(type) {
	case *net.UnixAddr:
		if !isUnix || is.Name != socketPath(path) {
			return false
		}
		info, err := os.Lstat(is.Name) // nobody can connect to a socket whose file was removed
		return err == nil && info.Mode().Type() == fs.ModeSocket
	case *net.TCPAddr:
		if isUnix {
			return false
		}
		want, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || want.Port != is.Port {
			return false
		}
		isAny := want.IP == nil || want.IP.IsUnspecified()
		return isAny && is.IP.IsUnspecified() || want.IP.Equal(is.IP) && want.Zone == is.Zone
	}
	return false
}

// keep asks systemd to keep a listener. The socket of a kept listener stays when the process ends.
func (s supervisor) keep(l net.Listener) error {
	if s.socket == "" {
		return nil
	}
	err := control(l, func(fd int) error { return s.notify("FDSTORE=1\nFDNAME="+keptName, fd) })
	if unix, ok := l.(*net.UnixListener); ok && err == nil {
		unix.SetUnlinkOnClose(false)
	}
	return err
}

// forgetKept asks systemd to close the kept listener, and returns when it is closed.
func (s supervisor) forgetKept() error {
	if s.socket == "" {
		return nil
	}
	if err := s.notify("FDSTOREREMOVE=1\nFDNAME=" + keptName); err != nil {
		return err
	}
	// systemd closes the other end when it has processed all earlier messages.
	end, other, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = end.Close() }()
	err = s.notify("BARRIER=1", int(other.Fd()))
	if err := errors.Join(err, other.Close(), end.SetReadDeadline(time.Now().Add(notifyTimeout))); err != nil {
		return err
	}
	if _, err = end.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// notify sends systemd a message with file descriptors. Without systemd, it does nothing.
func (s supervisor) notify(message string, descriptors ...int) error {
	if s.socket == "" {
		return nil
	}
	systemd, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer func() { _ = systemd.Close() }()
	if err := systemd.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
		return err
	}
	raw, err := systemd.SyscallConn()
	if err != nil {
		return err
	}
	// WriteMsgUnix refuses a datagram socket that is connected.
	var sent error
	err = raw.Write(func(fd uintptr) (done bool) {
		sent = syscall.Sendmsg(int(fd), []byte(message), syscall.UnixRights(descriptors...), nil, 0)
		return !errors.Is(sent, syscall.EAGAIN)
	})
	return errors.Join(err, os.NewSyscallError("sendmsg", sent))
}

// control calls do with the file descriptor of a listener.
func control(l net.Listener, do func(fd int) error) error {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = do(int(fd)) })
	return errors.Join(failed, err)
}
