package conform_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"userapi/internal/apitest"
)

// request is a request as the proxy received it, with its body.
type request struct {
	method, target, host string
	header               http.Header
	body                 []byte
}

// is reports whether the request is of one of these operations. "PUT users/*" is PUT on
// /openapi/v1/users/{user_id}.
func (r *request) is(operations ...string) bool {
	sent, _, _ := strings.Cut(r.target, "?")
	return slices.ContainsFunc(operations, func(operation string) bool {
		method, pattern, _ := strings.Cut(operation, " ")
		matched, err := path.Match("/openapi/v1/"+pattern, sent)
		return err == nil && matched && r.method == method
	})
}

// query returns the parameters of the query. It leaves out what is malformed.
func (r *request) query() url.Values {
	_, query, _ := strings.Cut(r.target, "?")
	values, _ := url.ParseQuery(query)
	return values
}

// setQuery replaces the whole query.
func (r *request) setQuery(values url.Values) {
	r.target, _, _ = strings.Cut(r.target, "?")
	if len(values) > 0 {
		r.target += "?" + values.Encode()
	}
}

func (r *request) clone() *request {
	copied := *r
	copied.header, copied.body = r.header.Clone(), bytes.Clone(r.body)
	return &copied
}

// answer is an answer with its body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) clone() *answer {
	return &answer{a.status, a.header.Clone(), bytes.Clone(a.body)}
}

// mutation answers a request in place of the server. nil: it closes the connection.
type mutation func(p *proxy, r *request) *answer

// honest passes requests and answers on as they are.
func honest(p *proxy, r *request) *answer { return p.forward(r) }

// proxy is a reverse proxy with at most one fault. It handles one request at a time.
type proxy struct {
	t      testing.TB
	server *apitest.Server
	mutate mutation
	client *http.Transport

	handling  sync.Mutex
	forwarded []*request // of the current request
	received  *answer    // the last one to them
	requests  int        // received by now
	mutated   int        // of these, those that the proxy has not passed on and answered as they are
}

// startProxy starts a proxy in front of a server. It stops when the test ends.
func startProxy(t testing.TB, server *apitest.Server, mutate mutation) (p *proxy, address string) {
	t.Helper()
	p = &proxy{t: t, server: server, mutate: mutate, client: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}}
	listening := httptest.NewServer(p)
	t.Cleanup(func() {
		listening.Close()
		p.client.CloseIdleConnections()
	})
	return p, listening.URL
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.handling.Lock()
	defer p.handling.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.requests++
	p.forwarded, p.received = nil, nil
	received := &request{r.Method, r.RequestURI, r.Host, r.Header, body}
	sent := p.mutate(p, received.clone())
	if sent == nil || len(p.forwarded) != 1 || !reflect.DeepEqual(p.forwarded[0], received) || !reflect.DeepEqual(p.received, sent) {
		p.mutated++
	}
	if sent == nil {
		panic(http.ErrAbortHandler)
	}
	sent.write(w, r.Method)
}

// write sends the answer as it is, with the length of its body.
func (a *answer) write(w http.ResponseWriter, method string) {
	header := w.Header()
	header["Content-Type"] = nil // net/http would guess it
	for name, values := range a.header {
		header[name] = values
	}
	if method != http.MethodHead && a.header.Get("Content-Length") != "" {
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // fails if the client has gone, or if there must be no body
}

// forward sends the request to the server.
func (p *proxy) forward(r *request) *answer {
	p.forwarded = append(p.forwarded, r.clone())
	a := p.roundTrip(r)
	p.received = a.clone()
	return a
}

// ask sends a request with the token of the first user, for the proxy itself.
func (p *proxy) ask(method, target string) *answer {
	header := http.Header{"Authorization": {"Bearer " + p.server.Token}}
	return p.roundTrip(&request{method: method, target: target, header: header})
}

func (p *proxy) roundTrip(r *request) *answer {
	target, query, _ := strings.Cut(r.target, "?")
	to := &http.Request{
		Method: r.method, Header: r.header.Clone(), Host: r.host, ContentLength: int64(len(r.body)),
		URL: &url.URL{Scheme: "http", Host: strings.TrimPrefix(p.server.URL, "http://"), Opaque: target, RawQuery: query},
	}
	to.Header.Del("Expect") // the body is here already
	if to.Header["User-Agent"] == nil {
		to.Header["User-Agent"] = nil // net/http would name itself
	}
	if len(r.body) > 0 {
		to.Body = io.NopCloser(bytes.NewReader(r.body))
	}
	response, err := p.client.RoundTrip(to)
	if !assert.NoError(p.t, err) {
		panic(http.ErrAbortHandler)
	}
	defer func() { assert.NoError(p.t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	assert.NoError(p.t, err)
	if response.Close {
		response.Header.Set("Connection", "close") // net/http has removed it
	}
	return &answer{response.StatusCode, response.Header, body}
}

// count returns how many requests the proxy has not passed on and answered as they are.
func (p *proxy) count() int {
	p.handling.Lock()
	defer p.handling.Unlock()
	return p.mutated
}
