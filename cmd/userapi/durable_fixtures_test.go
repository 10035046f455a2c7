package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// createUsers creates user0, user1 and so on, whose numbers begin after user 1.
func (s *server) createUsers(t *testing.T, token string, count int) {
	t.Helper()
	for i := range count {
		status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", fmt.Sprintf("user%d", i), 1))
		require.Equal(t, 201, status, answer)
	}
}

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

// takeFileDescriptors lets a process open no more files. Those that are open stay so.
func takeFileDescriptors(t *testing.T, pid int) {
	t.Helper()
	free := uint64(0)
	for {
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", pid, free)); err != nil {
			break
		}
		free++
	}
	if free == 0 {
		t.Skip("this needs /proc of Linux")
	}
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: free, Max: free}, nil))
}
