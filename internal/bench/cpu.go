package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// measureCPU is measure, and adds the CPU time of the server per request. The requests of
// the warm-up count here, too.
func (m *measurement) measureCPU(ctx context.Context, t timing) error {
	pid, sent := m.workload.server.command.Process.Pid, m.workload.total()
	before, err := cpuTime(pid)
	if err != nil {
		return err
	}
	if err := m.measure(ctx, t); err != nil {
		return err
	}
	after, err := cpuTime(pid)
	if err != nil {
		return err
	}
	used := after - before
	if used <= 0 {
		return fmt.Errorf("%s: no CPU time was counted in %s", m.name, t.length)
	}
	m.samples[len(m.samples)-1].cpu = used / time.Duration(m.workload.total()-sent)
	return nil
}

// cpuTime is the user and system time that a process has used.
func cpuTime(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	if len(threads) == 0 { // the kernel was built without schedstat
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		return parseStat(string(text))
	}
	var total time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			return 0, err
		}
		nanoseconds, _, _ := strings.Cut(string(text), " ")
		used, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(used)
	}
	return total, nil
}

// tick is the unit of times in /proc/PID/stat: Linux shows 100 ticks a second everywhere.
const tick = 10 * time.Millisecond

// parseStat returns utime and stime of a /proc/PID/stat, fields 14 and 15 of proc(5).
func parseStat(stat string) (time.Duration, error) {
	// Field 2 is the name of the program in parentheses, which can hold spaces and parentheses.
	values := strings.Fields(stat[strings.LastIndex(stat, ")")+1:]) // from field 3 on
	if len(values) < 13 {
		return 0, fmt.Errorf("/proc/PID/stat has %d fields after the name", len(values))
	}
	user, err := strconv.ParseInt(values[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(values[12], 10, 64)
	return time.Duration(user+system) * tick, err
}
