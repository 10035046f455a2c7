package httpapi

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// NewListener returns a listener whose connections can be read without waiting: if the read
// deadline is in the past, Read returns what has arrived, and fails only if that is nothing.
// Serve [NewHTTPServer] with it, so that connections stay open after a refusal. Clients of a
// Unix socket have no address.
func NewListener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted}
	_, c.isUnix = l.Addr().(*net.UnixAddr)
	if system, ok := accepted.(syscall.Conn); ok {
		if c.raw, err = system.SyscallConn(); err != nil {
			return nil, errors.Join(err, accepted.Close())
		}
	}
	return c, nil
}

// conn is a connection of a listener.
type conn struct {
	net.Conn
	isUnix  bool            // of a Unix socket
	raw     syscall.RawConn // nil: the connection has no file descriptor
	expired atomic.Bool     // the read deadline is in the past
}

// RemoteAddr implements net.Conn. A client of a Unix socket may give its own end any name, such as the address of a
// trusted proxy, so the name is left out.
func (c *conn) RemoteAddr() net.Addr {
	if c.isUnix {
		return &net.UnixAddr{Net: "unix"}
	}
	return c.Conn.RemoteAddr()
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(at time.Time) error {
	c.expired.Store(!at.IsZero() && time.Until(at) <= 0)
	return c.Conn.SetReadDeadline(at)
}

// Read implements net.Conn.
func (c *conn) Read(into []byte) (n int, err error) {
	if c.raw != nil && c.expired.Load() {
		// Go never blocks in a read of a connection, so this one does not either.
		err = c.raw.Control(func(fd uintptr) { n, _ = syscall.Read(int(fd), into) })
		if n > 0 || err != nil {
			return max(n, 0), err
		}
	}
	return c.Conn.Read(into)
}
