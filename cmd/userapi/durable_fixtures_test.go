package main

import (
	"io"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// opsAddress matches the log line that says where the metrics are served.
var opsAddress = regexp.MustCompile(`msg="serving metrics" address=(\S+)`)

func findMetric(t *testing.T, metrics io.Reader, name string) string {
	t.Helper()
	text, err := io.ReadAll(metrics)
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(string(text))
	require.NotNil(t, found, "there is no metric %s", name)
	return found[1]
}

// setFileLimit limits the file descriptors of a process.
func setFileLimit(pid int, files uint64) error {
	return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}, nil)
}
