package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcPercent makes collections rare while little is in use: of what a request
	// allocates, nothing outlives it.
	gcPercent = 400
	// minMemoryLimit is what the Go runtime may use before it collects more often, in bytes:
	// a password that was hashed leaves 19 MiB.
	minMemoryLimit = 50 << 20
	// memoryLimitFactor is the limit as a multiple of what is in use, where that is more:
	// a limit that is too near would have the runtime do nothing but collect.
	memoryLimitFactor = 2
)

// tuneGC sets how the Go runtime collects garbage, until ctx ends. The runtime's own
// variables, GOGC and GOMEMLIMIT, take precedence.
func tuneGC(ctx context.Context) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); set {
		return
	}
	debug.SetMemoryLimit(minMemoryLimit)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			metrics.Read(samples)
			inUse := samples[0].Value.Uint64() + samples[1].Value.Uint64()
			debug.SetMemoryLimit(max(minMemoryLimit, memoryLimitFactor*int64(inUse))) //nolint:gosec // memory does not overflow it
		}
	}
}

// setMaxProcs raises GOMAXPROCS by one: a thread that waits for the disk in SQLite holds on to
// its share for a while. The runtime no longer follows changes of a container's share
// then. Its own variable, GOMAXPROCS, takes precedence.
func setMaxProcs() {
	if _, set := os.LookupEnv("GOMAXPROCS"); !set {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
