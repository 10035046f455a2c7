package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// fakeNode is a node that only counts requests.
type fakeNode struct {
	address string
	read    atomic.Int64 // requests that were read to their end
}

// startNode starts a node. It calls answer with the number of the request, from 1.
func startNode(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, number int64)) *fakeNode {
	t.Helper()
	node := &fakeNode{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, r, node.read.Add(1))
	}))
	t.Cleanup(server.Close)
	node.address = server.Listener.Addr().String()
	return node
}

// unusedAddress returns an address that refuses connections until the test ends.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	// While there is a connection to the port, the system gives it to nobody else.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return address
}

// With the configuration of the manual, nginx sends a request to a second node if it only reads, or if the first
// node is not there. A change that a node has got is never sent again.
func TestNginxNeverRepeatsAChange(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		reads := method == http.MethodGet || method == http.MethodHead
		for name, answer := range map[string]func(http.ResponseWriter, *http.Request, int64){
			"dies": func(http.ResponseWriter, *http.Request, int64) { panic(http.ErrAbortHandler) },
			"dies later": func(_ http.ResponseWriter, _ *http.Request, number int64) {
				if number > 1 { // on a connection that nginx has kept
					panic(http.ErrAbortHandler)
				}
			},
			"hangs": func(_ http.ResponseWriter, r *http.Request, _ int64) { <-r.Context().Done() },
		} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				bad, good := startNode(t, answer), startNode(t, func(http.ResponseWriter, *http.Request, int64) {})
				block := apitest.NginxBlock(t)
				require.Contains(t, block, "proxy_read_timeout 30s;")
				n := apitest.StartNginx(t, strings.Replace(block, "proxy_read_timeout 30s;", "proxy_read_timeout 1s;", 1), bad.address, good.address)
				send := sender(t, n)
				if name == "dies later" {
					require.Equal(t, []int{200, 200}, []int{send(method), send(method)}, "each node has answered once")
				}
				badBefore, goodBefore := bad.read.Load(), good.read.Load()
				status := send(method)
				require.EqualValues(t, 1, bad.read.Load()-badBefore, "the request goes to the bad node first")
				if reads {
					require.Equal(t, 200, status)
					require.EqualValues(t, 1, good.read.Load()-goodBefore)
				} else {
					require.Equal(t, 502, status)
					require.Zero(t, good.read.Load()-goodBefore, "the change was sent twice")
				}
				require.Equal(t, 200, send(method), "nginx leaves the bad node out")
			})
		}
		t.Run(method+" without a listener", func(t *testing.T) {
			t.Parallel()
			good := startNode(t, func(http.ResponseWriter, *http.Request, int64) {})
			send := sender(t, apitest.StartNginx(t, apitest.NginxBlock(t), unusedAddress(t), good.address))
			require.Equal(t, []int{200, 200, 200}, []int{send(method), send(method), send(method)})
			require.EqualValues(t, 3, good.read.Load())
		})
	}
}

// With the configuration of the manual, each request has an id that nginx has made, whatever the client sends.
func TestNginxNamesRequests(t *testing.T) {
	t.Parallel()
	ids := make(chan []string, 2)
	node := startNode(t, func(_ http.ResponseWriter, r *http.Request, _ int64) { ids <- r.Header["X-Request-Id"] })
	n := apitest.StartNginx(t, apitest.NginxBlock(t), node.address)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/users/1", nil)
	require.NoError(t, err)
	request.Header["X-Request-Id"] = []string{"of-the-client"}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	named := <-ids
	require.Len(t, named, 1)
	require.Regexp(t, `^[0-9a-f]{32}$`, named[0])
}

// sender returns a function that sends requests to nginx, on one connection, and returns their statuses.
func sender(t *testing.T, n *apitest.Nginx) func(method string) int {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return func(method string) int {
		request, err := http.NewRequestWithContext(t.Context(), method, n.URL+"/users/1", strings.NewReader(fmt.Sprintf("%q", method)))
		require.NoError(t, err)
		response, err := transport.RoundTrip(request)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
}
