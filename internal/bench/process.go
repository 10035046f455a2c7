package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// operatorToken is the token of user 1 in the servers that are measured.
const operatorToken = "ua_bench_0123456789_0123456789_0123456789"

// process is a program that listens at an address.
type process struct {
	command *exec.Cmd
	address string
	startup time.Duration // from its start to its first answer
	exited  chan struct{} // closed when the process has ended
	result  error         // of Wait, once exited is closed
}

// startBaseline starts a program that takes its address as the first argument.
func startBaseline(ctx context.Context, program string, args ...string) (*process, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, append([]string{address}, args...)...) //nolint:gosec // the user of the bench names the folder of the programs
	return startProcess(ctx, command, address, "/", http.StatusNotFound)
}

// startServer starts userapi with its default settings on a SQLite database. Its log goes to
// a file next to the database.
func startServer(ctx context.Context, program, database string) (*process, error) {
	return startNode(ctx, program, database, database+".log")
}

// startNode starts userapi with its default settings on a database of any kind.
func startNode(ctx context.Context, program, database, logFile string) (*process, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	command := exec.CommandContext(ctx, program, "serve", "--listen="+address, "--ops-listen=off", "--database="+database) //nolint:gosec // the user of the bench names the folder of the programs
	command.Env = append(os.Environ(), "USERAPI_ADMIN_TOKEN="+operatorToken)
	command.Stderr = log
	p, err := startProcess(ctx, command, address, "/readyz", http.StatusOK)
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w:\n%s", err, text)
	}
	return p, nil
}

// startProcess starts a program and waits until it answers this path with this status.
func startProcess(ctx context.Context, command *exec.Cmd, address, path string, status int) (*process, error) {
	if command.Stderr == nil {
		command.Stderr = os.Stderr
	}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	begin := time.Now()
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, address: address, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		p.result = command.Wait()
	}()
	for time.Since(begin) < time.Minute && ctx.Err() == nil {
		if got, err := roundTrip(ctx, http.DefaultTransport, operatorToken, http.MethodGet, p.url(path), ""); err == nil && got == status {
			p.startup = time.Since(begin)
			return p, nil
		}
		select {
		case <-p.exited:
			return nil, errors.Join(fmt.Errorf("%s ended before it answered", command), p.result)
		case <-time.After(time.Millisecond):
		}
	}
	return nil, errors.Join(fmt.Errorf("%s does not answer", command.Path), p.stop())
}

func (p *process) url(path string) string { return "http://" + p.address + path }

// freeAddress returns an address on 127.0.0.1 that nobody listens on. Another process can
// take it before it is used.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// stop sends SIGTERM and waits for the end of the process. The signal kills a baseline,
// and userapi handles it and exits with 0: both are fine. It may be called again.
func (p *process) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // fails if the process has ended
	<-p.exited
	if ended, ok := errors.AsType[*exec.ExitError](p.result); ok && !ended.Exited() {
		return nil
	}
	return p.result
}

// memory returns the resident memory of the process in MB: its present value and its
// peak (VmRSS and VmHWM of proc(5)).
func (p *process) memory() (now, peak float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	read := func(name string) float64 {
		found := regexp.MustCompile(name + `:\s*(\d+) kB`).FindSubmatch(status)
		if found == nil {
			return 0
		}
		kilobytes, _ := strconv.ParseFloat(string(found[1]), 64)
		return kilobytes / 1024
	}
	return read("VmRSS"), read("VmHWM"), nil
}

// processorName returns the model of the processor, or its architecture if that is unknown.
func processorName() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	name := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(info)
	if name == nil {
		return runtime.GOARCH
	}
	return string(name[1])
}
