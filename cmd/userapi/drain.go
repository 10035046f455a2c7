package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"
)

// afterDrain returns a context that ends when the server has to stop accepting requests: when the drain has
// passed since ctx ended with a signal, or with a second signal. forceExit counts from then.
func (c *serveCommand) afterDrain(ctx context.Context, postpone postponeExit, logger *slog.Logger) (context.Context, context.CancelFunc) {
	if c.drain == 0 || !postpone() {
		return context.WithCancel(ctx)
	}
	drained, cancel := context.WithCancel(context.WithoutCancel(ctx))
	keep := context.AfterFunc(ctx, func() {
		defer cancel()
		defer forceExit()
		again := make(chan os.Signal, 1)
		signal.Notify(again, c.stopSignals()...)
		defer signal.Stop(again)
		logger.Info("draining: /readyz answers 503", "for", c.drain)
		select {
		case <-time.After(c.drain):
		case <-again:
		case <-drained.Done(): // a listener has failed
		}
	})
	return drained, func() {
		keep()
		cancel()
	}
}

// errDraining is why a server that drains is not ready.
type errDraining struct{}

func (errDraining) Error() string { return "the server is about to stop" }

// ReadyDetail returns a sentence that /readyz shows.
func (errDraining) ReadyDetail() string {
	return "The server is about to stop. Send requests to another one."
}

// closeConnections closes each connection after the first request that comes when ctx has ended. Over HTTP/2, that
// is when all requests are answered that the server has begun to read, and it tells the client to send others on
// another connection. A client
// that keeps connections learns it from the answer. If the server closed a connection that only waits for a
// request, it could close it in the moment in which the client sends one.
func closeConnections(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
