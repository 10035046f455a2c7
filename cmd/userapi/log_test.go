package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// unreadServer is a server whose log nobody reads after the line that says where it listens.
type unreadServer struct {
	*server
	unread        *bufio.Reader // the rest of the log
	read, written *os.File      // the ends of the pipe of the log
}

func startUnreadServer(t *testing.T, dir string) *unreadServer {
	t.Helper()
	s := &unreadServer{server: &server{
		cmd: serveCommandIn(t, dir, nil, "--log-format=json"), log: &apitest.Log{},
	}}
	var err error
	s.read, s.written, err = os.Pipe()
	require.NoError(t, err)
	s.cmd.Stderr = s.written
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		require.NoError(t, errors.Join(s.read.Close(), s.written.Close()))
	})
	s.unread = bufio.NewReader(s.read)
	for s.url == "" {
		line, err := s.unread.ReadString('\n')
		require.NoError(t, err)
		_, _ = io.WriteString(s.log, line)
		if match := listeningLine.FindStringSubmatch(line); match != nil {
			s.url = "http://" + match[1]
		}
	}
	return s
}

// get returns the body of an answer with status 200. Any goroutine may call it.
func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	response, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return ""
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: status %d, %v", url, response.StatusCode, err)
	}
	return string(body)
}

var droppedMetric = regexp.MustCompile(`(?m)^userapi_log_lines_dropped_total (\S+)$`)

// If nobody reads the log, the server answers as before. It counts the lines that it drops, and
// says how many they were when somebody reads the log again.
func TestUnreadLogStopsNoRequest(t *testing.T) {
	t.Parallel()
	const clients, requests = 8, 1500 // their lines are more than the pipe and the buffer hold
	s := startUnreadServer(t, t.TempDir())
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for range requests / 2 {
				get(t, client, s.url+"/healthz")
				get(t, client, s.url+"/readyz")
			}
		})
	}
	running.Wait()
	match := droppedMetric.FindStringSubmatch(get(t, client, s.opsURL(t)+"/metrics"))
	require.NotNil(t, match)
	dropped, err := strconv.ParseFloat(match[1], 64)
	require.NoError(t, err)
	require.Positive(t, dropped)

	var line struct {
		Level, Msg string
		Lines      int
	}
	logged := 0
	for line.Lines == 0 {
		text, err := s.unread.ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(text), &line), "the line must be whole")
		if line.Msg == "request" {
			logged++
		}
	}
	require.Equal(t, "WARN", line.Level)
	require.EqualValues(t, dropped, line.Lines)
	require.Equal(t, clients*requests, logged+line.Lines, "each request must be in the log or in the count")
	t.Logf("%d requests were answered while nobody read the log, which dropped %d lines", clients*requests, line.Lines)

	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	text, err := s.unread.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, text, `"msg":"stopped"`)
	require.NoError(t, s.cmd.Wait())
}

// A server whose log nobody reads exits in time and with 0, even if a client that never finishes
// its request takes most of that time.
func TestStopDoesNotWaitForAFullLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startUnreadServer(t, dir)
	fillPipe(t, s.written)
	stallRequest(t, s.url, readToken(t, filepath.Join(dir, "userapi.token")))
	signalled := time.Now()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.cmd.Wait())
	requireStoppedInTime(t, signalled)
}

// A command whose error nobody reads still exits.
func TestUnreadErrorDelaysNoExit(t *testing.T) {
	t.Parallel()
	c := command(t, t.TempDir(), nil, "token", "list")
	reading, writing, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, errors.Join(reading.Close(), writing.Close())) }()
	fillPipe(t, writing)
	c.Stderr = writing
	require.Error(t, c.Run())
	require.Equal(t, exitFailed, c.ProcessState.ExitCode())
}

// fillPipe writes to a pipe until the next write has to wait for a reader.
func fillPipe(t *testing.T, pipe *os.File) {
	t.Helper()
	file := int(pipe.Fd())
	require.NoError(t, syscall.SetNonblock(file, true))
	var err error
	for err == nil {
		_, err = syscall.Write(file, make([]byte, 1<<16))
	}
	require.ErrorIs(t, err, syscall.EAGAIN)
	require.NoError(t, syscall.SetNonblock(file, false))
}

// The manual lists the attributes of a request's line, in their order. They are the same in both formats. No line has them all
// except that of a log-in that is refused.
func TestManualListsEveryAttributeOfTheLog(t *testing.T) {
	listed := tableOf(t, "| attribute | is |")
	for format, name := range map[string]*regexp.Regexp{
		"text": regexp.MustCompile(`(?:^| )([a-z_]+)=`),
		"json": regexp.MustCompile(`[{,]"([a-z_]+)":`),
	} {
		s := startServer(t, t.TempDir(), nil, "--log-format="+format, "--trusted-proxies=127.0.0.1")
		answer, err := s.attempt(t, "", "POST", "/openapi/v1/auth-token", `{"username":"default/admin","password":"wrong"}`,
			"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Request-Id: from-the-proxy")
		require.NoError(t, err)
		require.Equal(t, 401, answer.Status)
		id := answer.Header.Get("X-Request-Id")
		apitest.WaitFor(func() bool { return strings.Contains(s.log.String(), id) })
		line := s.log.LineWith(t, id)
		var attributes []string
		for _, match := range name.FindAllStringSubmatch(line, -1) {
			attributes = append(attributes, match[1])
		}
		require.Equal(t, listed, attributes, line)
		for _, value := range []string{"createAuthToken", "0af7651916cd43dd8448eb211c80319c", "from-the-proxy", "invalid_credentials", "127.0.0.1"} {
			require.Contains(t, line, value)
		}
	}
}
