package apitest

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/internal/contract"
)

// LoadContract returns the contract. It panics if there is no valid one.
func LoadContract() *contract.Contract {
	c, err := contract.Load()
	if err != nil {
		panic(err)
	}
	return c
}

// Contract is openapi.yaml, parsed. Its objects take no members that they do not name.
func Contract() *openapi3.T { return LoadContract().Document() }

// NewClient returns a client that checks every exchange with a server against the contract.
func NewClient(t testing.TB, base http.RoundTripper) *http.Client {
	t.Helper()
	return &http.Client{Transport: &checkingTransport{t: t, base: base}}
}

// checkingTransport checks every exchange against the contract.
type checkingTransport struct {
	t    testing.TB
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *checkingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	c.t.Helper()
	var sent []byte
	if request.Body != nil {
		var err error
		if sent, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		request = request.Clone(request.Context())
		request.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := c.base.RoundTrip(request)
	if err == nil {
		check(c.t, request, sent, response)
	}
	return response, err
}

// check fails the test if the answer is not what the contract says, or if a request that the
// contract does not allow has succeeded.
func check(t testing.TB, request *http.Request, sent []byte, response *http.Response) {
	t.Helper()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("read the answer: %v", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(received))
	exchange := contract.Exchange{Request: request, Sent: sent, Response: response, Received: received}
	if err := LoadContract().CheckExchange(exchange); err != nil {
		t.Errorf("%s %s: %d is not in the contract: %v\n%s", request.Method, request.URL.EscapedPath(), response.StatusCode, err, received)
	}
}
