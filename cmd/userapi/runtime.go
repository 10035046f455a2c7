package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcPercent makes garbage collections rare while little memory is in use, because
	// nothing that a request allocates outlives the request.
	gcPercent = 400
	// minMemoryLimit is the lowest memory limit of the Go runtime, in bytes. With a lower
	// one, the runtime would collect too often: each hashed password leaves 19 MiB.
	minMemoryLimit = 50 << 20
	// memoryLimitFactor times the memory in use is the limit, unless minMemoryLimit is
	// higher. If the limit were close to the memory in use, the runtime would only collect.
	memoryLimitFactor = 2
	// memoryCheckInterval is how often the limit is adjusted. When thousands of clients arrive, the
	// runtime would collect without end until the limit follows.
	memoryCheckInterval = 200 * time.Millisecond
)

// tuneGC adjusts the garbage collector to the memory in use until ctx ends. The
// environment variables GOGC and GOMEMLIMIT take precedence.
func tuneGC(ctx context.Context) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); set {
		return
	}
	debug.SetMemoryLimit(minMemoryLimit)
	ticker := time.NewTicker(memoryCheckInterval)
	defer ticker.Stop()
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			metrics.Read(samples)
			inUse := samples[0].Value.Uint64() + samples[1].Value.Uint64()
			debug.SetMemoryLimit(max(minMemoryLimit, memoryLimitFactor*int64(inUse))) //nolint:gosec // no machine has 2^63 bytes of memory
		}
	}
}
