package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// mockServer is a child process that runs userapi mock.
type mockServer struct {
	*server
	ops    server // its exchanges are not in the contract
	temp   string // the folder for temporary files
	stdout *apitest.Log
}

// Tokens of the seed that is built in.
const (
	rootToken = "mock-token-of-root-11111111111111"
	adaToken  = "mock-token-of-ada-222222222222222"
	bossToken = "mock-token-of-boss-55555555555555"
)

// startMock starts userapi mock on free ports, with a folder for temporary files of its own.
func startMock(t *testing.T, args ...string) *mockServer {
	t.Helper()
	return startMockIn(t, t.TempDir(), args...)
}

func startMockIn(t *testing.T, temp string, args ...string) *mockServer {
	t.Helper()
	m := &mockServer{temp: temp, stdout: &apitest.Log{}}
	c := mockCommandIn(t, temp, args...)
	c.Stdout = m.stdout
	m.server = waitForServer(t, c)
	m.ops = *m.server
	m.ops.url, m.ops.client = m.opsURL(t), http.DefaultClient
	return m
}

// mockCommandIn returns the command that startMockIn runs.
func mockCommandIn(t *testing.T, temp string, args ...string) *exec.Cmd {
	t.Helper()
	return command(t, t.TempDir(), []string{"TMPDIR=" + temp}, append([]string{"mock", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"}, args...)...)
}

// send sends a request that must be answered, and returns the answer.
func (m *mockServer) send(t *testing.T, token, method, path, body string) apitest.Answer {
	t.Helper()
	answer, err := m.attempt(t, token, method, path, body)
	require.NoError(t, err)
	return answer
}

func (m *mockServer) reset(t *testing.T) {
	t.Helper()
	status, answer := m.ops.sendRequest(t, "", "POST", "/reset", "")
	require.Equal(t, 204, status, answer)
}

// setClock sends a request to POST /now that must succeed, and returns what the clock then shows.
func (m *mockServer) setClock(t *testing.T, body string) (now time.Time, running bool) {
	t.Helper()
	status, answer := m.ops.sendRequest(t, "", "POST", "/now", body)
	require.Equal(t, 200, status, answer)
	return m.readClock(t, answer)
}

func (m *mockServer) clock(t *testing.T) (now time.Time, running bool) {
	t.Helper()
	status, answer := m.ops.sendRequest(t, "", "GET", "/now", "")
	require.Equal(t, 200, status, answer)
	return m.readClock(t, answer)
}

func (*mockServer) readClock(t *testing.T, answer string) (now time.Time, running bool) {
	t.Helper()
	require.Regexp(t, `^\{"now":"[-0-9]{10}T[:0-9]{8}\.[0-9]{6}Z","running":(true|false)\}\n$`, answer)
	var clock struct {
		Now     time.Time
		Running bool
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &clock))
	return clock.Now, clock.Running
}

// writeSeed writes a seed and returns the flag that names it.
func writeSeed(t *testing.T, seed string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seed.json")
	require.NoError(t, os.WriteFile(path, []byte(seed), 0o600))
	return "--seed=" + path
}

// seedOf returns a seed of this many users, of whom user 1 is a system administrator with rootToken.
func seedOf(users int) string {
	listed := []string{`{"user_id":1,"nick_name":"root","role":"system_administrator","password":"correct horse"}`}
	for id := 2; id <= users; id++ {
		listed = append(listed, fmt.Sprintf(`{"user_id":%d,"nick_name":"user-%d","password":"correct horse","email":"user-%d@example.com","phone":"%d"}`, id, id, id, id))
	}
	return fmt.Sprintf(`{"users":[%s],"tokens":[{"user_id":1,"token":%q}]}`, strings.Join(listed, ","), rootToken)
}

// A mock prints its users and tokens, and a line that changes a user when it is pasted. It counts the ids of requests
// from 1. It leaves nothing behind, whatever ends it.
func TestMockServesAndLeavesNothing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		m := startMock(t)
		folders := namesIn(t, m.temp)
		require.Len(t, folders, 1)
		require.Regexp(t, `^userapi-mock-[0-9]+$`, folders[0])
		info, err := os.Stat(filepath.Join(m.temp, folders[0]))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		apitest.WaitFor(func() bool { return strings.Contains(m.stdout.String(), "/now -H") })
		printed := m.stdout.String()
		for _, pattern := range []string{
			`no place for secrets`,
			`(?m)^1 +system_administrator +true +default/root +- +correct horse$`,
			`(?m)^2 +user +true +default/ada +ada@example.com +correct horse$`,
			`(?m)^3 +user +false +default/grace `,
			`(?m)^4 +user +null +default/linus `,
			`(?m)^5 +administrator +true +default/boss `,
			`(?m)^2 +ada +never +` + adaToken + `$`,
			`(?m)^2 +expired +2020-01-01T00:00:00Z +mock-token-that-has-expired-22222$`,
			`(?m)^curl -X POST ` + m.ops.url + `/reset$`,
		} {
			require.Regexp(t, pattern, printed)
		}
		line := regexp.MustCompile(`(?m)^curl -X PUT ` + m.url + `/openapi/v1/users/2 .*$`).FindString(printed)
		require.NotEmpty(t, line, printed)
		if _, err := exec.LookPath("curl"); err == nil {
			answer, err := exec.CommandContext(t.Context(), "sh", "-c", line+" -s -q").Output()
			require.NoError(t, err)
			require.JSONEq(t, `{"email":"ada@example.com","enterprise_id":"default","is_active":null,"phone":"+44 20 7946 0000"}`, string(answer))
			m.reset(t)
		}
		for i := range 3 {
			answer := m.send(t, bossToken, "GET", "/openapi/v1/users/2", "")
			require.Equal(t, 200, answer.Status, answer.Body)
			require.Equal(t, fmt.Sprint(i+1), answer.Header.Get("X-Request-Id"))
		}
		require.Equal(t, 401, m.send(t, "mock-token-that-has-expired-22222", "GET", "/openapi/v1/users/2", "").Status)
		code, log := m.signalAndWait(t, signal)
		require.Equal(t, 0, code, log)
		require.NotContains(t, log, rootToken)
		require.Empty(t, namesIn(t, m.temp))
	}
}

// A mock serves even if nobody reads what it prints, and if the reader has ended.
func TestMockServesIfNobodyReads(t *testing.T) {
	seed := writeSeed(t, seedOf(1500)) // a pipe has no room for so many users
	for _, reads := range []bool{true, false} {
		c := mockCommandIn(t, t.TempDir(), seed)
		stdout, err := c.StdoutPipe()
		require.NoError(t, err)
		if !reads {
			require.NoError(t, stdout.Close())
		}
		s := waitForServer(t, c)
		status, _ := s.sendRequest(t, rootToken, "GET", "/openapi/v1/users/1500", "")
		require.Equal(t, 200, status)
		code, log := s.terminate(t)
		require.Equal(t, 0, code, log)
	}
}

// Every value of a seed reaches the API, and so do its defaults.
func TestMockHasTheSeed(t *testing.T) {
	m := startMock(t, writeSeed(t, `{
		"now": "2030-05-06T07:08:09.5Z",
		"users": [
			{"nick_name": "Ädä", "user_id": 41, "password": "correct horse", "enterprise_id": "e.1", "email": "A@example.com", "phone": "1", "is_active": true,
				"role": "administrator", "create_time": "1999-12-31T23:59:59.123456Z"},
			{"nick_name": "next", "is_active": null, "enterprise_id": "e.1"},
			{"nick_name": "off", "is_active": false, "enterprise_id": "e.1"},
			{"nick_name": "plain"},
			{"nick_name": "root", "user_id": 7, "role": "system_administrator"}
		],
		"tokens": [
			{"user_id": 7, "token": "`+rootToken+`", "name": "ci", "expires_at": "2030-05-06T07:08:10Z"},
			{"user_id": 41, "token": "`+adaToken+`"}
		]
	}`))
	answer := m.send(t, rootToken, "GET", "/openapi/v1/users", "")
	const at, other = `"create_time":"2030-05-06T07:08:09.500000Z"`, `"client_ip":null,"origion":null`
	require.JSONEq(t, `{"total":5,"users":[
		{"user_id":7,"nick_name":"root","enterprise_id":"default","email":null,"phone":"","is_active":true,`+at+`,`+other+`},
		{"user_id":41,"nick_name":"Ädä","enterprise_id":"e.1","email":"A@example.com","phone":"1","is_active":true,"create_time":"1999-12-31T23:59:59.123456Z",`+other+`},
		{"user_id":42,"nick_name":"next","enterprise_id":"e.1","email":null,"phone":"","is_active":null,`+at+`,`+other+`},
		{"user_id":43,"nick_name":"off","enterprise_id":"e.1","email":null,"phone":"","is_active":false,`+at+`,`+other+`},
		{"user_id":44,"nick_name":"plain","enterprise_id":"default","email":null,"phone":"","is_active":true,`+at+`,`+other+`}]}`, answer.Body)
	require.Equal(t, 201, m.send(t, adaToken, "POST", "/openapi/v1/users", `{"nick_name":"new","password":"correct horse","enterprise_id":"e.1"}`).Status)
	require.JSONEq(t, `{"events":[],"total":0}`, m.send(t, adaToken, "GET", "/openapi/v1/users/42/audit", "").Body)
	events := m.send(t, adaToken, "GET", "/openapi/v1/users/45/audit", "").Body
	require.Contains(t, events, `"token_name":"seed"`, "it is the name of a token that has none")
	require.Contains(t, events, `"time":"2030-05-06T07:08:09.500000Z"`)
	require.Contains(t, events, `"request_id":"2"`)
	for name, status := range map[string]int{"e.1/ädä": 200, "a@EXAMPLE.com": 200, "e.1/next": 401, "default/plain": 401} {
		answer := m.send(t, "", "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":%q,"password":"correct horse"}`, name))
		require.Equal(t, status, answer.Status, name)
		require.Equal(t, status == 200, strings.Contains(answer.Body, `"expires_at":"2030-06-05T07:08:09.500000Z"`))
	}
	_, running := m.setClock(t, `{"forward":"500ms"}`)
	require.False(t, running)
	require.Equal(t, 401, m.send(t, rootToken, "GET", "/openapi/v1/users", "").Status, "the token has expired")
}

// state returns answers that show everything that a client can see, with the ids of the requests. The token is a log-in's.
func (m *mockServer) state(t *testing.T, logIn string) (answers []string) {
	t.Helper()
	paths := []string{"/openapi/v1/users?page_size=100", "/openapi/v1/administrators", "/openapi/v1/users/101"}
	for id := 1; id <= 3; id++ {
		paths = append(paths, fmt.Sprint("/openapi/v1/users/", id), fmt.Sprintf("/openapi/v1/users/%d/audit", id))
	}
	for _, path := range paths {
		a := m.send(t, rootToken, "GET", path, "")
		answers = append(answers, fmt.Sprint(a.Status, a.Header.Get("ETag"), a.Header.Get("X-Request-Id"), a.Body))
	}
	answers = append(answers, fmt.Sprint(m.send(t, logIn, "GET", "/openapi/v1/users/2", "").Status))
	a := m.send(t, rootToken, "POST", "/openapi/v1/users", adaBody)
	return append(answers, a.Header.Get("Location"), a.Header.Get("X-Request-Id"))
}

// A reset brings everything back: users, versions, numbers, tokens, the audit, the clock, the ids of requests and the metrics.
func TestMockResetBringsTheSeedBack(t *testing.T) {
	m := startMock(t, writeSeed(t, strings.Replace(seedOf(100), "{", `{"now":"2030-01-01T00:00:00Z",`, 1)))
	before := m.state(t, "none")
	require.Contains(t, before[0], `"total":100`)
	require.Contains(t, before, "/openapi/v1/users/101")
	for range 3 {
		logIn := m.send(t, "", "POST", "/openapi/v1/auth-token", `{"username":"default/user-2","password":"correct horse"}`)
		require.Equal(t, 200, logIn.Status, logIn.Body)
		var granted struct{ Token string }
		require.NoError(t, json.Unmarshal([]byte(logIn.Body), &granted))
		for _, change := range [][3]string{
			{"PUT", "/openapi/v1/users/2", `{"is_active":null,"email":"new@example.com","password":"staple horse","enterprise_id":"other"}`},
			{"POST", "/openapi/v1/administrators", `{"user_id":"4","eid":"default"}`},
			{"DELETE", "/openapi/v1/users/3", ""},
			{"DELETE", "/openapi/v1/auth-token", ""},
		} {
			answer := m.send(t, rootToken, change[0], change[1], change[2])
			require.Less(t, answer.Status, 300, "%s %s", change, answer.Body)
		}
		require.Equal(t, 401, m.send(t, rootToken, "GET", "/openapi/v1/users", "").Status, "the token has ended")
		m.setClock(t, `{"now":"2040-01-01T00:00:00Z","running":true}`)
		m.reset(t)
		_, metrics := m.ops.sendRequest(t, "", "GET", "/metrics", "")
		require.Contains(t, metrics, "userapi_database_ready 1")
		require.NotContains(t, metrics, "http_requests_total{")
		require.Equal(t, before, m.state(t, granted.Token))
		now, running := m.clock(t)
		require.Equal(t, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), now)
		require.False(t, running)
	}
	// The files of earlier databases are removed.
	apitest.WaitFor(func() bool { return len(m.files(t)) == 4 })
	require.Contains(t, m.files(t), "4.db")
	status, answer := m.ops.sendRequest(t, "", "POST", "/reset", "{}")
	require.Equal(t, 422, status)
	require.Contains(t, answer, `"code":"invalid_request"`)
	status, _ = m.ops.sendRequest(t, "", "GET", "/reset", "")
	require.Equal(t, 405, status)
}

// files returns the names in the folder of the mock.
func (m *mockServer) files(t *testing.T) []string {
	t.Helper()
	return namesIn(t, filepath.Join(m.temp, namesIn(t, m.temp)[0]))
}

// A mock with 100 users is ready within a second, and a reset takes at most 50 ms. Only the fastest of many counts, because
// a busy machine is slow.
func TestMockIsFast(t *testing.T) {
	seed := writeSeed(t, seedOf(100))
	fastest := func(times int, do func()) time.Duration {
		took := make([]time.Duration, times)
		for i := range took {
			begin := time.Now()
			do()
			took[i] = time.Since(begin)
		}
		slices.Sort(took)
		t.Logf("fastest %v, median %v, slowest %v", took[0], took[times/2], took[times-1])
		return took[0]
	}
	plain := fastest(5, func() { runCommand(t, t.TempDir(), nil, "version") })
	require.Less(t, fastest(5, func() { startMock(t, seed) }), time.Second+plain)
	m := startMock(t, seed)
	require.Less(t, fastest(50, func() { m.reset(t) }), 50*time.Millisecond)
}

// A request that is being served while the mock is reset is answered, and changes nothing afterwards.
func TestMockAnswersRequestsDuringAReset(t *testing.T) {
	m := startMock(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(m.url, "http://"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	const body = `{"phone":"early"}`
	_, err = fmt.Fprintf(conn, "PUT /openapi/v1/users/2 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		rootToken, len(body))
	require.NoError(t, err)
	lines := bufio.NewReader(conn)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line, "the mock reads the body now")
	_, err = lines.ReadString('\n')
	require.NoError(t, err)
	m.reset(t)
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	response, err := http.ReadResponse(lines, nil)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode)
	require.Contains(t, string(answer), `"phone":"early"`)
	require.NotContains(t, m.send(t, rootToken, "GET", "/openapi/v1/users/2", "").Body, "early")

	// Under load, each request is answered as if there were no resets.
	ended := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-ended:
					return
				default:
				}
				status, answer := m.sendRequest(t, rootToken, "PUT", "/openapi/v1/users/2", fmt.Sprintf(`{"phone":"%d-%d"}`, i, n))
				if status != 200 {
					t.Errorf("%d %s", status, answer)
					return
				}
			}
		})
	}
	for range 20 {
		m.reset(t)
	}
	close(ended)
	clients.Wait()
	m.reset(t)
	require.Contains(t, m.send(t, rootToken, "GET", "/openapi/v1/users/2", "").Body, `"phone":"+44 20 7946 0000"`)
	code, log := m.terminate(t)
	require.Equal(t, 0, code)
	require.NotContains(t, log, "level=WARN")
	require.NotContains(t, log, "level=ERROR")
	require.Empty(t, namesIn(t, m.temp))
}

// The clock moves as POST /now says: log-ins get stale, and tokens expire. Everything else that it gets is a problem, and moves nothing.
func TestMockClock(t *testing.T) {
	m := startMock(t)
	begin, running := m.clock(t)
	require.WithinDuration(t, time.Now(), begin, time.Minute)
	require.True(t, running, "the seed has no time")
	logIn := func() string {
		answer := m.send(t, "", "POST", "/openapi/v1/auth-token", `{"username":"default/ada","password":"correct horse"}`)
		require.Equal(t, 200, answer.Status, answer.Body)
		var granted struct{ Token string }
		require.NoError(t, json.Unmarshal([]byte(answer.Body), &granted))
		return granted.Token
	}
	m.setClock(t, `{"running":false}`)
	stopped, _ := m.clock(t)
	again, running := m.clock(t)
	require.Equal(t, stopped, again)
	require.False(t, running)
	token := logIn()
	setEmail := func() apitest.Answer {
		return m.send(t, token, "PUT", "/openapi/v1/users/2", `{"email":"ada@example.org"}`)
	}
	moved, running := m.setClock(t, `{"forward":"15m"}`)
	require.Equal(t, stopped.Add(15*time.Minute), moved)
	require.False(t, running)
	require.Equal(t, 200, setEmail().Status)
	m.setClock(t, `{"forward":"1ms"}`)
	answer := setEmail()
	require.Equal(t, 403, answer.Status)
	require.EqualValues(t, "reauthentication_required", answer.Problem(t).Code)
	m.setClock(t, `{"forward":"719h44m59.998s"}`)
	require.Equal(t, 200, m.send(t, token, "GET", "/openapi/v1/users/2", "").Status)
	m.setClock(t, `{"forward":"1ms"}`)
	require.Equal(t, 401, m.send(t, token, "GET", "/openapi/v1/users/2", "").Status)
	require.Equal(t, 200, m.send(t, adaToken, "GET", "/openapi/v1/users/2", "").Status, "it never expires")

	set, running := m.setClock(t, `{"now":"2019-12-31T23:59:59.999999Z"}`)
	require.Equal(t, time.Date(2019, 12, 31, 23, 59, 59, 999999000, time.UTC), set)
	require.False(t, running)
	require.Equal(t, 200, m.send(t, "mock-token-that-has-expired-22222", "GET", "/openapi/v1/users/2", "").Status, "it has not expired yet")
	_, running = m.setClock(t, `{"running":true}`)
	require.True(t, running)
	apitest.WaitFor(func() bool {
		now, _ := m.clock(t)
		return now.Year() == 2020
	})
	require.Equal(t, 401, m.send(t, "mock-token-that-has-expired-22222", "GET", "/openapi/v1/users/2", "").Status)
	set, running = m.setClock(t, `{"now":"2500-01-01T00:00:00Z","running":true}`)
	require.True(t, running)
	require.Equal(t, 2500, set.Year())
	set, _ = m.setClock(t, `{"now":"8999-12-31T23:59:59Z"}`)
	token = logIn()
	for _, c := range []struct {
		body   string
		status int
		fault  string // "pointer code"
	}{
		{``, 400, " syntax"},
		{`{"forward":"1h"} x`, 400, " syntax"},
		{`{"forward":"1h","forward":"2h"}`, 400, "/forward duplicate_member"},
		{`[]`, 422, " type"},
		{`{}`, 422, " required"},
		{`{"nows":"2030-01-01T00:00:00Z"}`, 422, "/nows unknown_member"},
		{`{"now":"2030-02-30T00:00:00Z"}`, 422, "/now format"},
		{`{"now":"2030-01-01T00:00:00+01:00"}`, 422, "/now pattern"},
		{`{"now":"1969-01-01T00:00:00Z"}`, 422, "/now pattern"},
		{`{"now":"9000-01-01T00:00:00Z"}`, 422, "/now pattern"},
		{`{"now":null}`, 422, "/now not_null"},
		{`{"now":1700000000}`, 422, "/now type"},
		{`{"now":"2030-01-01T00:00:00Z","forward":"1h"}`, 422, "/forward"},
		{`{"forward":"-1h"}`, 422, "/forward pattern"},
		{`{"forward":"0s"}`, 422, "/forward format"},
		{`{"forward":"0.0001ms"}`, 422, "/forward format"},
		{`{"forward":"99999999h"}`, 422, "/forward format"},
		{`{"forward":"1h"}`, 422, "/forward maximum"},
		{`{"running":"yes"}`, 422, "/running type"},
		{`{"running":null}`, 422, "/running not_null"},
	} {
		answer, err := m.ops.attempt(t, "", "POST", "/now", c.body)
		require.NoError(t, err)
		require.Equal(t, c.status, answer.Status, "%s %s", c.body, answer.Body)
		require.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
		var problem struct {
			Type, Title, Detail, Code string
			Status                    int
			Errors                    []struct{ Pointer, Code, Detail string }
		}
		require.NoError(t, json.Unmarshal([]byte(answer.Body), &problem))
		require.Equal(t, c.status, problem.Status)
		require.NotEmpty(t, problem.Errors, answer.Body)
		require.Contains(t, problem.Errors[0].Pointer+" "+problem.Errors[0].Code, c.fault, c.body)
		require.NotEmpty(t, problem.Errors[0].Detail)
		now, running := m.clock(t)
		require.Equal(t, set, now, c.body)
		require.False(t, running)
	}
	for _, header := range []string{"Content-Type: text/plain", "Content-Encoding: gzip"} {
		answer, err := m.ops.attempt(t, "", "POST", "/now", `{"running":true}`, header)
		require.NoError(t, err)
		require.Equal(t, 415, answer.Status)
	}
	status, _ := m.ops.sendRequest(t, "", "POST", "/now", strings.Repeat(" ", 64<<10)+`{"running":true}`)
	require.Equal(t, 413, status)
}

// A seed with faults starts nothing. All faults are listed, together with those of settings, without a value of the seed.
func TestMockListsAllFaultsOfASeed(t *testing.T) {
	temp := t.TempDir()
	seed := writeSeed(t, `{"users":[{"nick_name":"a/canary","password":"canary"},{"user_id":1,"nick_name":"x","nick_name":"x"}],"tokens":[{"user_id":9,"token":"canary"}],"canaries":1}`)
	_, stderr, code := runToExit(t, mockCommandIn(t, temp, seed, "--log-level=loud"))
	require.Equal(t, exitUsage, code)
	path := strings.TrimPrefix(seed, "--seed=")
	require.Equal(t, strings.ReplaceAll(`userapi: mock: USERAPI_SEED or --seed: FILE: /canaries: there is no such member
USERAPI_SEED or --seed: FILE: /tokens/0/token: use 32 or more characters
USERAPI_SEED or --seed: FILE: /tokens/0/user_id: no user of the seed has this user_id
USERAPI_SEED or --seed: FILE: /users/0/nick_name: use a name of letters and digits in any script, and of visible ASCII characters except / and @
USERAPI_SEED or --seed: FILE: /users/0/password: use 8 or more characters
USERAPI_SEED or --seed: FILE: /users/1/nick_name: this member is there twice
USERAPI_SEED or --seed: FILE: /users/1/user_id: the user at /users/0 has this user_id
USERAPI_LOG_LEVEL or --log-level: use debug, info, warn or error instead of "loud"
Run 'userapi --help' to see how to use it.
`, "FILE", path), stderr)
	_, stderr, code = runToExit(t, mockCommandIn(t, temp, "--seed=missing.json"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "missing.json: no such file")
	_, stderr, code = runToExit(t, command(t, t.TempDir(), []string{"USERAPI_SEED=" + path, "TMPDIR=" + temp}, "mock", "--listen=x"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "/users/0/password")
	require.Contains(t, stderr, "USERAPI_LISTEN or --listen: ")
	require.Empty(t, namesIn(t, temp))
}

// A mock ignores the settings of a server, above all its database.
func TestMockIgnoresTheSettingsOfAServer(t *testing.T) {
	c := mockCommandIn(t, t.TempDir())
	c.Env = append(c.Env, "USERAPI_DATABASE=postgres://nobody@127.0.0.1:1/x", "USERAPI_ADMIN_TOKEN=short", "USERAPI_RATE_LIMIT=1", "USERAPI_LOGIN_LIMIT=1", "USERAPI_TOKEN_TTL=soon")
	s := waitForServer(t, c)
	for range 30 {
		status, _ := s.sendRequest(t, rootToken, "GET", "/openapi/v1/users", "")
		require.Equal(t, 200, status)
	}
	require.Empty(t, namesIn(t, c.Dir))
}

// No limit applies: of failed log-ins, of taken addresses and of requests.
func TestMockHasNoLimits(t *testing.T) {
	m := startMock(t)
	for range 120 {
		status, _ := m.sendRequest(t, "", "POST", "/openapi/v1/auth-token", `{"username":"default/ada","password":"wrong"}`)
		require.Equal(t, 401, status)
		status, answer := m.sendRequest(t, bossToken, "PUT", "/openapi/v1/users/2", `{"email":"grace@example.com"}`)
		require.Equal(t, 409, status, answer)
	}
	status, _ := m.sendRequest(t, "", "POST", "/openapi/v1/auth-token", `{"username":"default/ada","password":"correct horse"}`)
	require.Equal(t, 200, status)
}

// A start removes what a mock has left that was killed, and nothing else: not what a mock uses that runs, nor what
// only has such a name.
func TestMockRemovesWhatKilledOnesLeft(t *testing.T) {
	temp := t.TempDir()
	folder := func(name string, mode os.FileMode, files ...string) {
		path := filepath.Join(temp, name)
		require.NoError(t, os.Mkdir(path, 0o700))
		for _, file := range files {
			require.NoError(t, os.WriteFile(filepath.Join(path, file), []byte("precious"), 0o600))
		}
		require.NoError(t, os.Chmod(path, mode))
	}
	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "mock.lock"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "1.db"), nil, 0o600))
	require.NoError(t, os.Chmod(elsewhere, 0o700))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(temp, "userapi-mock-1")))
	folder("userapi-mock-2", 0o700, "1.db") // without the marker
	folder("userapi-mock-3", 0o700, "mock.lock", "1.db", "precious.txt")
	folder("userapi-mock-4", 0o755, "mock.lock", "1.db")
	folder("userapi-mock-x", 0o700, "mock.lock", "1.db")
	folder("userapi-mock-5", 0o700)
	folder("other-6", 0o700, "mock.lock", "1.db")
	require.NoError(t, os.WriteFile(filepath.Join(temp, "userapi-mock-7"), nil, 0o600))
	folder("userapi-mock-8", 0o700, "1.db")
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "mock.lock"), filepath.Join(temp, "userapi-mock-8", "mock.lock")))
	folder("userapi-mock-9", 0o700, "mock.lock")
	require.NoError(t, os.Mkdir(filepath.Join(temp, "userapi-mock-9", "1.db"), 0o700))
	if os.Geteuid() == 0 {
		folder("userapi-mock-10", 0o700, "mock.lock", "1.db")
		require.NoError(t, os.Chown(filepath.Join(temp, "userapi-mock-10"), 4711, 4711))
	}
	kept := namesIn(t, temp)

	living := startMockIn(t, temp)
	killed := startMockIn(t, temp)
	killed.reset(t)
	require.Len(t, namesIn(t, temp), len(kept)+2)
	code, _ := killed.signalAndWait(t, syscall.SIGKILL)
	require.NotZero(t, code)
	require.Len(t, namesIn(t, temp), len(kept)+2)
	next := startMockIn(t, temp)
	require.Contains(t, next.log.String(), "removed the folder of a mock that was killed")
	require.Len(t, namesIn(t, temp), len(kept)+2)
	require.Equal(t, 200, living.send(t, rootToken, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`).Status)
	code, log := next.terminate(t)
	require.Equal(t, 0, code, log)
	code, log = living.terminate(t)
	require.Equal(t, 0, code, log)
	require.ElementsMatch(t, kept, namesIn(t, temp))
	require.ElementsMatch(t, []string{"mock.lock", "1.db"}, namesIn(t, elsewhere))
	for _, name := range []string{"userapi-mock-2", "userapi-mock-3", "userapi-mock-4", "userapi-mock-8", "userapi-mock-9", "userapi-mock-x", "other-6"} {
		require.NotEmpty(t, namesIn(t, filepath.Join(temp, name)), name)
	}
}

// Many mocks that start and end at the same moment do not remove each other's folders.
func TestMocksThatStartTogether(t *testing.T) {
	temp := t.TempDir()
	failures := apitest.AtOnce(6, func(int) string {
		for range 4 {
			m := mockCommandIn(t, temp)
			s := waitForServer(t, m)
			if status, answer, err := s.attemptRequest(t, rootToken, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`); status != 200 {
				return fmt.Sprint(status, answer, err)
			}
			if code, log := s.terminate(t); code != 0 {
				return log
			}
		}
		return ""
	})
	for _, failure := range failures {
		require.Empty(t, failure)
	}
	require.Empty(t, namesIn(t, temp))
}

// A start that fails leaves nothing, whether it fails before or after the folder is made.
func TestMockThatCannotStart(t *testing.T) {
	temp := t.TempDir()
	m := startMockIn(t, temp)
	before := namesIn(t, temp)
	_, stderr, code := runToExit(t, mockCommandIn(t, temp, "--listen="+strings.TrimPrefix(m.url, "http://")))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "cannot open the address in USERAPI_LISTEN or --listen")
	require.Equal(t, before, namesIn(t, temp))
	_, stderr, code = runToExit(t, inShell(t, "ulimit -f 40", mockCommandIn(t, temp)))
	require.Equal(t, exitFailed, code, stderr)
	require.Equal(t, before, namesIn(t, temp))
	_, stderr, code = runToExit(t, mockCommandIn(t, filepath.Join(temp, "missing")))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "missing")
	m.terminate(t)
	require.Empty(t, namesIn(t, temp))
}
