package postgres

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
)

// isBroken reports whether err says that a connection has ended.
func isBroken(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, driver.ErrBadConn)
}
