//go:build long

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that answers many requests keeps no memory and no files open for them.
func TestSoak(t *testing.T) {
	const clients, rounds = 8, 8
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	s.createUsers(t, token, clients)
	var before, files int
	for round := range rounds {
		var running sync.WaitGroup
		for i := range clients {
			running.Go(func() { work(t, s, token, i) })
		}
		running.Wait()
		memory, open := residentMemory(t, s.cmd.Process.Pid), filesOpenIn(t, s.cmd.Process.Pid)
		t.Logf("round %d: %d MB resident, %d open files", round, memory>>20, open)
		if round == 2 { // the caches are full
			before, files = memory, open
		}
		if round >= 2 {
			require.LessOrEqual(t, memory, before+before/4+16<<20)
			require.LessOrEqual(t, open, files+clients) // the client may keep a connection more
		}
	}
	s.terminate(t)
}

// work sends requests of every kind for the user of a client.
func work(t *testing.T, s *server, token string, client int) {
	user := fmt.Sprintf("/openapi/v1/users/%d", 2+client)
	send := func(want int, method, path, body string) string {
		status, answer := s.sendRequest(t, token, method, path, body)
		if status != want {
			t.Errorf("%s %s: %d %s", method, path, status, answer)
		}
		return answer
	}
	for i := range 500 {
		send(200, "PUT", user, fmt.Sprintf(`{"phone":"%d"}`, i))
		send(200, "GET", user, "")
		send(422, "PUT", user, `{"phone":null}`)
		if i%20 == 0 {
			send(200, "GET", "/openapi/v1/users?query=user", "")
			send(200, "GET", user+"/audit?page_size=100", "")
			created := send(201, "POST", "/openapi/v1/users", strings.Replace(adaBody, "ada", fmt.Sprintf("guest%d", client), 1))
			send(200, "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":"default/guest%d","password":"correct horse"}`, client))
			send(204, "DELETE", "/openapi/v1/users/"+regexp.MustCompile(`"user_id":([0-9]+)`).FindStringSubmatch(created)[1], "")
		}
	}
}

// residentMemory returns how much memory of a process is in RAM, in bytes.
func residentMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

func filesOpenIn(t *testing.T, pid int) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	return len(files)
}
