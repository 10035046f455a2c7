package main

import (
	"log/slog"
	"math"
	"os"
	"syscall"

	"userapi/internal/store/sqlite"
)

const (
	// opsConnections is how many connections the ops listener accepts at the same time. They
	// are set apart, so that clients of the API keep nobody away from /metrics.
	opsConnections = 16
	// spareFiles is how many more files the server may open later, such as temporary files of
	// SQLite.
	spareFiles = 8
	// minConnections is how many connections the API gets even if the limit on open files
	// leaves no room for them.
	minConnections = 8
	// fewConnections is how many connections are worth a warning.
	fewConnections = 500
	// maxConnections bounds the memory: a connection takes about 65 KB while it sends requests. All
	// of them can wait to write at the same time.
	maxConnections = sqlite.MaxWaiting
)

// publicConnections returns how many connections the API accepts at the same time, so that they
// leave enough file descriptors for everything else. Call it when the server has opened its
// database and its listeners.
func publicConnections(logger *slog.Logger) (int, error) {
	var files syscall.Rlimit // the Go runtime has already raised the soft limit to the hard one
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	limit := int(min(files.Cur, math.MaxInt32))
	connections := connectionsFor(limit, openFiles())
	if connections < fewConnections {
		logger.Warn("the limit on open files (ulimit -n) is low: further connections wait until others end",
			"limit", limit, "connections", connections)
	}
	return connections, nil
}

// connectionsFor returns how many connections fit below a limit on open files.
func connectionsFor(limit, open int) int {
	return min(max(limit-open-opsConnections-spareFiles, minConnections), maxConnections)
}

// openFiles returns how many file descriptors the process has, or a high estimate if the system
// does not tell, for example because /proc is not mounted.
func openFiles() int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 100
	}
	return len(entries)
}
