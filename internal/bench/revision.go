package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// findCommit returns the hash of the commit that b.base names.
func (b bench) findCommit(ctx context.Context) (string, error) {
	commit, err := output(ctx, "git", "rev-parse", "--verify", "--quiet", "--end-of-options", b.base+"^{commit}")
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.ExitCode() == 1 {
		return "", fmt.Errorf("git does not know a commit %q", b.base)
	}
	return commit, err
}

// build builds userapi from a commit and returns the path of the program.
func (b bench) build(ctx context.Context, commit string) (string, error) {
	folder, err := filepath.Abs(b.folder)
	if err != nil {
		return "", err
	}
	source := filepath.Join(folder, "base")
	if err := os.Mkdir(source, 0o700); err != nil {
		return "", err
	}
	archive, program := source+".tar", source+"-userapi"
	for _, command := range [][]string{
		{"git", "archive", "--format=tar", "--output=" + archive, commit},
		{"tar", "-xf", archive, "-C", source},
		// GOTMPDIR: a go build that is killed leaves its files behind. -buildvcs: git would
		// describe the repository around the source, because that has none of its own.
		{"env", "GOTMPDIR=" + folder, "go", "build", "-C", source, "-trimpath", "-buildvcs=false", "-o", program, "./cmd/userapi"},
	} {
		if _, err := output(ctx, command[0], command[1:]...); err != nil {
			return "", err
		}
	}
	return program, nil
}

// output runs a command and returns what it prints on standard output. If ctx ends, it
// kills the command together with its children: go build does not wait for the linker.
func output(ctx context.Context, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...) //nolint:gosec // the callers name the commands
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	out, err := command.Output()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w\n%s", command, err, ended.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
