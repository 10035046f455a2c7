package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// unixPrefix begins an address that is the path of a Unix socket.
const unixPrefix = "unix:"

// maxSocketPath is the longest path of a Unix socket on Linux, in bytes (unix(7)).
const maxSocketPath = 107

// isAddress reports whether s is HOST:PORT or unix:PATH.
func isAddress(s string) bool {
	if path, isUnix := strings.CutPrefix(s, unixPrefix); isUnix {
		return path != "" && len(socketPath(path)) <= maxSocketPath && !strings.ContainsRune(path, 0)
	}
	return isHostPort(s)
}

// socketPath returns a path as [net] takes it: a leading @ would mean a socket without a file, to which every
// user of the machine can connect.
func socketPath(path string) string {
	if strings.HasPrefix(path, "@") {
		return "./" + path
	}
	return path
}

// listenAt opens HOST:PORT or unix:PATH.
func listenAt(ctx context.Context, address string) (net.Listener, error) {
	if path, isUnix := strings.CutPrefix(address, unixPrefix); isUnix {
		return listenUnix(ctx, socketPath(path))
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// addressOf returns the address of a listener as the operator writes it.
func addressOf(l net.Listener) string {
	if address, isUnix := l.Addr().(*net.UnixAddr); isUnix {
		return unixPrefix + address.Name
	}
	return l.Addr().String()
}

// socketUmask leaves the owner and the group of a new socket the right to connect (mode 0660).
const socketUmask = 0o117

// listenUnix opens a Unix socket. It takes the place of a socket on which nobody listens any more. The listener
// removes the socket when it is closed.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	unlock, err := lockFolder(ctx, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	// The mode is right from the beginning. The process creates no other file at the same time, because it has
	// just started.
	before := syscall.Umask(socketUmask)
	defer syscall.Umask(before)
	return (&net.ListenConfig{}).Listen(ctx, "unix", path)
}

// removeStale removes a socket that a server has left behind. It fails if somebody listens on it, or if it is not
// a socket.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is not a socket, and was left as it is: move it away, or name another path", path)
	}
	peer, err := (&net.Dialer{Timeout: lockTimeout}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = peer.Close()
		fallthrough
	case errors.Is(err, syscall.EAGAIN): // too many connections wait
		return fmt.Errorf("another process listens on %s: stop it, or name another path", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("nobody knows whether another process listens on %s: %w", path, err)
}

// lockTimeout is how long a start waits for another one in the same folder.
const lockTimeout = 2 * time.Second

// lockFolder keeps two processes from finding the same stale socket: the second one would remove the socket
// of the first. The lock ends with unlock, or with the process.
func lockFolder(ctx context.Context, folder string) (unlock func(), err error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	unlock = func() { _ = file.Close() }
	timeout := time.After(lockTimeout)
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			unlock()
			return nil, os.NewSyscallError("flock", err)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-timeout:
			unlock()
			return nil, fmt.Errorf("another process has locked the folder %s: end it, or name another folder", folder)
		case <-ctx.Done():
			unlock()
			return nil, ctx.Err()
		}
	}
}
