package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"userapi/internal/httpapi"
)

// After a signal, accepted requests have drainTimeout to finish. Then the server answers 503
// to those that are still queued, and after abortTimeout it closes all connections. The rest of
// forceExitAfter is for closing the database and the log.
const (
	drainTimeout = 5 * time.Second
	abortTimeout = 2 * time.Second
)

// silentTimeout is how long a connection may have been without a whole head of a request when the server ends: nobody
// can hold the end up by saying nothing.
const silentTimeout = time.Second

// serveUntil serves until the listener fails, which is an error, or until ctx ends. Then
// it finishes accepted requests, see drainTimeout.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	requestCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	server.BaseContext = func(net.Listener) context.Context { return requestCtx }
	accepted := &acceptedConns{}
	server.ConnState = accepted.note
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = serveOn(server, listener)
	}()
	select {
	case <-ended:
		return fmt.Errorf("cannot serve on %s any more: %w", addressOf(listener), err)
	case <-ctx.Done():
	}

	finish, stop := context.WithTimeout(context.Background(), drainTimeout)
	defer stop()
	// From the beginning of Shutdown on, net/http closes a connection whose first request it has just read. So
	// Shutdown comes last.
	closeListeners(listener)
	<-ended
	server.SetKeepAlivesEnabled(false)
	accepted.wait(finish)
	if server.Shutdown(finish) == nil {
		return nil
	}
	cancel(httpapi.ErrStopping)
	abort, stop := context.WithTimeout(context.Background(), abortTimeout)
	defer stop()
	if server.Shutdown(abort) == nil {
		return nil
	}
	// The requests that are left were not answered, so no acknowledged change is lost.
	return server.Close()
}

// acceptedConns are the connections of HTTP/1.1 that wait for their first request, or whose request is not answered yet.
// With HTTP/2, Shutdown loses no request.
type acceptedConns struct {
	mu    sync.Mutex
	conns map[net.Conn]time.Time // since when it is silent; zero: it has a request
}

// note is an [http.Server.ConnState].
func (a *acceptedConns) note(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conns == nil {
		a.conns = map[net.Conn]time.Time{}
	}
	switch {
	case state == http.StateNew:
		a.conns[c] = time.Now()
	case state == http.StateActive && !isHTTP2(c):
		a.conns[c] = time.Time{}
	default:
		delete(a.conns, c)
	}
}

// isHTTP2 must not be called before the handshake of the connection.
func isHTTP2(c net.Conn) bool {
	secure, ok := c.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// wait returns when there are none, or when ctx ends. It closes those that are silent for too long.
func (a *acceptedConns) wait(ctx context.Context) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for a.closeSilent() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// closeSilent closes the connections that are silent for too long, and returns how many there were.
func (a *acceptedConns) closeSilent() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c, since := range a.conns {
		if !since.IsZero() && time.Since(since) > silentTimeout {
			_ = c.Close()
		}
	}
	return len(a.conns)
}
