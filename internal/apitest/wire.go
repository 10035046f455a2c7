package apitest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Wire is a proxy between a server and another program. It records what the program sends
// and checks every exchange against the contract.
type Wire struct {
	URL string

	mutex sync.Mutex
	sent  []Sent
}

// Sent is a request that a Wire has recorded, and the status of its answer.
type Sent struct {
	Method, Path, Body string
	Status             int
}

// Wire starts a Wire to the server. It stops when the test ends.
func (s *Server) Wire(t testing.TB) *Wire {
	t.Helper()
	target, err := url.Parse(s.URL)
	require.NoError(t, err)
	w := &Wire{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy := &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
			Transport: s.client.Transport,
			ModifyResponse: func(answer *http.Response) error {
				w.keep(Sent{r.Method, r.URL.Path, string(body), answer.StatusCode})
				return nil
			},
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

func (w *Wire) keep(s Sent) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.sent = append(w.sent, s)
}

// Sent returns the requests so far, in the order in which they were answered.
func (w *Wire) Sent() []Sent {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return slices.Clone(w.sent)
}
