package httpapi_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// A request that waits too long for a slot to hash is answered 503.
func TestRequestTimeout(t *testing.T) {
	for timeout, entered := 20*time.Millisecond, 0; entered == 0; timeout *= 2 { // on a busy machine, a request takes longer to reach the gate
		full := apitest.NewWatchedGate(0)
		s := apitest.Start(t, apitest.Config{Hashing: full, RequestTimeout: timeout})
		before := s.DB.State(t)
		answer := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"))
		require.Equal(t, 503, answer.Status)
		require.Equal(t, "1", answer.Header.Get("Retry-After"))
		require.Equal(t, before, s.DB.State(t))
		entered = full.Entered()
	}
}

// Requests that are refused at once because the queue is full, and those that wait too long, are 503.
// They share lines of the log.
func TestOverload(t *testing.T) {
	const requests = 140 // 128 of them can wait
	s := apitest.Start(t, apitest.Config{Hashing: apitest.NewWatchedGate(0), RequestTimeout: 2 * time.Second})
	var clients sync.WaitGroup
	for range requests {
		clients.Go(func() {
			answer := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"))
			assert.Equal(t, 503, answer.Status)
			assert.Equal(t, "1", answer.Header.Get("Retry-After"))
		})
	}
	clients.Wait()
	line := regexp.MustCompile(`"msg":"requests were refused because too many wait","count":(\d+)`)
	var lines [][]string
	require.Eventually(t, func() bool { // the last line comes a second later
		lines = line.FindAllStringSubmatch(s.Log.String(), -1)
		counted := 0
		for _, found := range lines {
			count, _ := strconv.Atoi(found[1])
			counted += count
		}
		return counted == requests
	}, time.Minute, 10*time.Millisecond)
	require.Less(t, len(lines), requests/2)
	require.NotContains(t, s.Log.String(), "request failed")
}

// If a client leaves before its change is written, nothing changes and no failure is logged.
func TestClientThatLeaves(t *testing.T) {
	held := apitest.NewHeldHasher()
	s := apitest.Start(t, apitest.Config{Hasher: held})
	before := s.DB.State(t)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		s.SendAndLeave(ctx, t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"))
	}()
	held.Wait()
	leave()
	<-left
	held.WaitAbandoned()
	held.Release()
	apitest.WaitFor(func() bool { return strings.Contains(s.Log.String(), `"status":499`) })
	require.NotContains(t, s.Log.String(), "request failed")
	require.Equal(t, before, s.DB.State(t))
}

// An answer that does not depend on the body is sent before the body arrives.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for head, status := range map[string]int{
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 9":                                                           401,
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nTransfer-Encoding: chunked":                                                  401,
		"PUT /nowhere HTTP/1.1\nHost: x\nContent-Length: 9":                                                                      404,
		"PATCH /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 9":                                                         405,
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: TOKEN\nContent-Length: 9":                                     415,
		"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: TOKEN\nContent-Type: application/json\nContent-Length: 99999": 413,
		"GET /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: TOKEN\nContent-Length: 9":                                     200,
	} {
		answer := s.SendRaw(t, head, "")
		require.Equal(t, status, answer.Status)
		require.Equal(t, "close", answer.Header.Get("Connection"), head)
	}
	answer := s.SendRaw(t, "PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 9\nExpect: 100-continue", "")
	require.Equal(t, 401, answer.Status, "the server does not ask for a body that it refuses")
	require.Equal(t, "close", answer.Header.Get("Connection"))
}

// A connection stays open if the whole body has arrived, even if the server refuses the request
// without the body.
func TestConnectionsStayOpen(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	const token, json = "\nAuthorization: TOKEN", "\nContent-Type: application/json"
	one := s.Dial(t)
	for _, size := range []int{1, 9, 3_000, 5_000, 60_000} {
		for head, status := range map[string]int{
			"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x":                                        401,
			"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nAuthorization: x" + json:               401,
			"POST /nowhere HTTP/1.1\nHost: x" + token:                                          404,
			"PATCH /openapi/v1/users/1 HTTP/1.1\nHost: x" + token:                              405,
			"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x" + token:                                415,
			"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x" + token + "\nContent-Type: text/plain": 415,
			"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Encoding: br" + token + json:   415,
			"PUT /openapi/v1/users/1 HTTP/1.1\nHost: x" + token + json:                         400,
			"GET /openapi/v1/users/1 HTTP/1.1\nHost: x" + token:                                200,
			"DELETE /openapi/v1/users/99 HTTP/1.1\nHost: x" + token:                            404,
			"OPTIONS * HTTP/1.1\nHost: x":                                                      204,
			"GET /healthz HTTP/1.1\nHost: x":                                                   200,
		} {
			answer := one.Send(t, fmt.Sprintf("%s\nContent-Length: %d", head, size), strings.Repeat(" ", size))
			require.Equal(t, status, answer.Status, head)
			require.Empty(t, answer.Header.Get("Connection"), "%s %d", head, size)
			require.Equal(t, 200, one.Send(t, "PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 2"+token+json, "{}").Status)
			require.Equal(t, 200, one.Send(t, "GET /openapi/v1/users HTTP/1.1\nHost: x"+token, "").Status)
		}
	}
	answer := s.SendRaw(t, "PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 60000", strings.Repeat(" ", 59_999))
	require.Equal(t, 401, answer.Status, "the last byte is missing")
	require.Equal(t, "close", answer.Header.Get("Connection"))
	answer = s.SendRaw(t, "PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nTransfer-Encoding: chunked", "3\r\n{}\r\n")
	require.Equal(t, 401, answer.Status, "the last chunk is missing")
	require.Equal(t, "close", answer.Header.Get("Connection"))
	answer = s.SendRaw(t, "PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\nContent-Length: 65537", "{}")
	require.Equal(t, 401, answer.Status)
	require.Equal(t, "close", answer.Header.Get("Connection"), "the body is too long")
}

// If the server refuses a request before its body has arrived, it reads the body before it closes
// the connection. Otherwise the system would reset the connection, and the answer could be lost.
func TestRefusalDoesNotResetTheConnection(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for framing, part := range map[string]string{"Content-Length: 1001": " ", "Content-Length: 80001": " ", "Transfer-Encoding: chunked": "3e8\r\n"} {
		conn := s.Dial(t)
		answer := conn.Send(t, "PUT /openapi/v1/users/1 HTTP/1.1\nHost: x\n"+framing, part)
		require.Equal(t, 401, answer.Status)
		require.Equal(t, "close", answer.Header.Get("Connection"))
		for range 1000 {
			conn.Write(t, " ")
		}
		switch framing {
		case "Content-Length: 80001":
			conn.Write(t, strings.Repeat(" ", 79_000))
		case "Transfer-Encoding: chunked":
			conn.Write(t, "\r\n0\r\n\r\n")
		}
		conn.RequireClosed(t)
	}
}

func TestManyFaultsAnswerShort(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	var body strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&body, `,"%d":0`, i)
	}
	answer := s.Send(t, "PUT", ada.Path(), "{"+body.String()[1:]+"}")
	require.Equal(t, 422, answer.Status)
	require.Len(t, answer.Problem(t).Errors, 32)
	require.Less(t, len(answer.Body), 4000)
	for i := range 4000 {
		fmt.Fprintf(&body, `,"%d":0`, 6000+i)
	}
	answer = s.Send(t, "PUT", ada.Path(), "{"+body.String()[1:]+"}")
	require.Equal(t, 413, answer.Status, "10,000 members do not fit in 64 KiB")
	require.Less(t, len(answer.Body), 1000)
}

func TestLongBodies(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	const limit = 64 << 10
	spaces := func(n int) string { return "{" + strings.Repeat(" ", n-2) + "}" }
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), spaces(limit)).Status)
	require.Equal(t, 413, s.Send(t, "PUT", ada.Path(), spaces(limit+1)).Status)
	require.Equal(t, 413, s.Send(t, "POST", "/openapi/v1/users", spaces(limit+1)).Status)

	line := "PUT " + ada.Path() + " HTTP/1.1\nHost: localhost\nAuthorization: TOKEN\nTransfer-Encoding: chunked\nContent-Type: "
	chunked := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, spaces(n)) }
	require.Equal(t, 200, s.SendRaw(t, line+"application/json", chunked(limit)).Status)
	require.Equal(t, 413, s.SendRaw(t, line+"application/json", chunked(limit+1)).Status)
	require.Equal(t, 415, s.SendRaw(t, line+"text/plain", chunked(limit+1)).Status)
	require.Equal(t, 400, s.SendRaw(t, line+"application/json", "zz\r\n{}").Status, "the chunks are malformed")
	require.Equal(t, 400, s.SendCut(t, line+"application/json", "2\r\n{").Status, "a chunk is cut off")
	require.Equal(t, 400, s.SendCut(t, line+"application/json", "2\r\n{}\r\n").Status, "the last chunk is missing")
}
