package apitest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
)

// Answer is a response whose body was read. It is the zero Answer if there was none.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Problem returns the body as a problem.
func (a Answer) Problem(t testing.TB) client.Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), a.Body)
	var problem client.Problem
	require.NoError(t, json.Unmarshal([]byte(a.Body), &problem))
	return problem
}

// WithoutRequestID returns the body of a problem without the only value that each answer
// has of its own.
func (a Answer) WithoutRequestID(t testing.TB) string {
	t.Helper()
	return strings.Replace(a.Body, a.Problem(t).RequestID, "", 1)
}

// Faults returns the errors of a problem as "pointer code".
func (a Answer) Faults(t testing.TB) []string {
	t.Helper()
	faults := []string{}
	for _, fault := range a.Problem(t).Errors {
		faults = append(faults, fault.Pointer+" "+string(fault.Code))
	}
	return faults
}

// Send sends a request with the token of the first user and, if there is a body, with the
// media type application/json. Headers are "Name: value" and replace these two; "Name:"
// leaves one out. Any goroutine may call it.
func (s *Server) Send(t testing.TB, method, path, body string, headers ...string) Answer {
	t.Helper()
	answer, err := s.send(t.Context(), t, method, path, body, headers)
	if err != nil {
		t.Error(err)
	}
	return answer
}

// SendAndLeave is Send by a client that closes the connection when ctx is canceled. The test
// fails if the request is answered before that. Any goroutine may call it.
func (s *Server) SendAndLeave(ctx context.Context, t testing.TB, method, path, body string, headers ...string) {
	t.Helper()
	answer, err := s.send(ctx, t, method, path, body, headers)
	assert.ErrorIs(t, err, context.Canceled, "%+v", answer)
}

func (s *Server) send(ctx context.Context, t testing.TB, method, path, body string, headers []string) (Answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+s.Token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	replaced := map[string]bool{}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		if !replaced[name] {
			request.Header.Del(name)
			replaced[name] = true
		} else if testNodes() > 0 {
			request.URL.Host = s.node // nginx refuses two lines of one header
		}
		if value = strings.TrimSpace(value); value != "" {
			request.Header.Add(name, value)
		}
	}
	response, err := s.client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	return readAnswer(t, response), nil
}

// SendRaw sends bytes that http.Client does not send, on a connection of their own. In
// the head, \n is the end of a line, and TOKEN is the token of the first user.
func (s *Server) SendRaw(t testing.TB, head, body string) Answer {
	t.Helper()
	return s.sendRaw(t, head, body, func(net.Conn) error { return nil })
}

// SendCut is SendRaw by a client that then closes its half of the connection, even if the
// head promises more.
func (s *Server) SendCut(t testing.TB, head, body string) Answer {
	t.Helper()
	return s.sendRaw(t, head, body, func(conn net.Conn) error { return conn.(*net.TCPConn).CloseWrite() })
}

func (s *Server) sendRaw(t testing.TB, head, body string, then func(net.Conn) error) Answer {
	t.Helper()
	conn := s.Dial(t)
	defer func() { require.NoError(t, conn.conn.Close()) }()
	return conn.send(t, head, body, then)
}

// Conn is a connection to a server, for several requests. It is closed when the test ends.
type Conn struct {
	token    string
	conn     net.Conn
	received *bufio.Reader
}

// Dial opens a connection to a node. There is no nginx in between, because nginx answers or changes bytes that
// http.Client does not send.
func (s *Server) Dial(t testing.TB) *Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.node)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // SendRaw has closed it
	return &Conn{s.Token, conn, bufio.NewReader(conn)}
}

// Send is [Server.SendRaw] on this connection. It sends the head and the body at once.
func (c *Conn) Send(t testing.TB, head, body string) Answer {
	t.Helper()
	return c.send(t, head, body, func(net.Conn) error { return nil })
}

// Write sends bytes as they are.
func (c *Conn) Write(t testing.TB, text string) {
	t.Helper()
	_, err := io.WriteString(c.conn, text)
	require.NoError(t, err)
}

// RequireClosed waits until the server closes the connection. It fails if the server sends more,
// or if the system resets the connection.
func (c *Conn) RequireClosed(t testing.TB) {
	t.Helper()
	_, err := c.received.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

func (c *Conn) send(t testing.TB, head, body string, then func(net.Conn) error) Answer {
	t.Helper()
	head = strings.ReplaceAll(strings.ReplaceAll(head, "TOKEN", c.token), "\n", "\r\n") + "\r\n\r\n"
	_, err := io.WriteString(c.conn, head+body)
	require.NoError(t, err)
	require.NoError(t, then(c.conn))
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + body)))
	require.NoError(t, err)
	response, err := http.ReadResponse(c.received, request)
	require.NoError(t, err)
	sent, err := io.ReadAll(request.Body)
	if err != nil {
		sent = nil // the test has broken the body on purpose
	}
	request.URL.Scheme, request.URL.Host = "http", request.Host
	check(t, request, sent, response)
	return readAnswer(t, response)
}

// SendInTwoParts sends a JSON body in two parts. It calls between after the server has
// asked for the body and the first byte was sent.
func SendInTwoParts(t testing.TB, method, url, token, body string, between func()) Answer {
	t.Helper()
	reading, writing := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), method, url, reading)
	require.NoError(t, err)
	request.Header.Set("Authorization", token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Hour} // never send the body before the server asks for it
	defer transport.CloseIdleConnections()
	answered := make(chan Answer, 1)
	go func() {
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Error(err)
			answered <- Answer{}
			return
		}
		check(t, request, []byte(body), response)
		answered <- readAnswer(t, response)
	}()
	_, err = io.WriteString(writing, body[:1])
	require.NoError(t, err)
	between()
	_, err = io.WriteString(writing, body[1:])
	require.NoError(t, err)
	require.NoError(t, writing.Close())
	return <-answered
}

func readAnswer(t testing.TB, response *http.Response) Answer {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Error(err)
	}
	if response.Close {
		response.Header.Set("Connection", "close") // net/http has removed it
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}
