package mock_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/contract"
	"userapi/internal/httpapi"
	"userapi/internal/mock"
	"userapi/internal/telemetry"
)

var people = apitest.People()

// api is a server of apitest, with a journal and preferences around it.
type api struct {
	*apitest.Server
	URL       string
	Ops       string // where GET /requests is served
	transport *http.Transport
	contract  *contract.Contract
}

// seedToken is a token of the seed.
const seedToken = "seed-token-0123456789-0123456789"

func start(t testing.TB) *api {
	t.Helper()
	return startWith(t, apitest.Config{})
}

func startWith(t testing.TB, config apitest.Config) *api {
	t.Helper()
	described, err := contract.Load()
	require.NoError(t, err)
	a := &api{Server: apitest.Start(t, config), transport: &http.Transport{}, contract: described}
	t.Cleanup(a.transport.CloseIdleConnections)
	prefer, err := mock.NewPrefer(described)
	require.NoError(t, err)
	journal, ops := mock.NewJournal(described, seedToken), http.NewServeMux()
	journal.Register(ops)
	a.URL = a.serve(t, journal.Wrap(prefer.Wrap(a.Handler, new(mock.RequestIDs).Next, nil)))
	listed := httptest.NewServer(ops)
	t.Cleanup(listed.Close)
	a.Ops = listed.URL
	return a
}

// serve serves a handler in the same way as a server of userapi, until the test ends.
func (a *api) serve(t testing.TB, handler http.Handler) (url string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := httpapi.NewHTTPServer(handler, telemetry.NewLogger(a.Log, -8, telemetry.FormatJSON))
	served := make(chan error, 1)
	go func() { served <- server.Serve(httpapi.NewListener(listener)) }()
	t.Cleanup(func() {
		a.transport.CloseIdleConnections()
		assert.NoError(t, server.Shutdown(context.Background()))
		assert.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return "http://" + listener.Addr().String()
}

// answer is an answer whose body was read.
type answer struct {
	apitest.Answer
	Applied string
	Ignored []string
}

// do sends a request as the first user, a system administrator. Headers are "Name: value", and "Name:" leaves one out.
// The test fails if the exchange is not in the contract. Any goroutine may call it.
func (a *api) do(ctx context.Context, t testing.TB, method, path, body string, headers ...string) (answer, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, a.URL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+a.Token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		if name != "Prefer" {
			request.Header.Del(name)
		}
		if value != "" {
			request.Header.Add(name, strings.TrimSpace(value))
		}
	}
	response, err := a.transport.RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	received, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return answer{}, err
	}
	got := answer{Answer: apitest.Answer{Status: response.StatusCode, Header: response.Header, Body: string(received)}}
	got.Applied, got.Ignored = response.Header.Get("Preference-Applied"), response.Header.Values("Prefer-Ignored")
	for _, own := range []string{"Preference-Applied", "Prefer-Ignored"} { // they are not in the contract
		response.Header.Del(own)
	}
	exchange := contract.Exchange{Request: request, Sent: []byte(body), Response: response, Received: received}
	assert.NoError(t, a.contract.CheckExchange(exchange), "%s %s %q: %d %s", method, path, headers, got.Status, got.Body)
	return got, nil
}

func (a *api) send(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	got, err := a.do(t.Context(), t, method, path, body, headers...)
	require.NoError(t, err)
	return got
}
