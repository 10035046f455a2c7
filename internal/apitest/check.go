package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"userapi/gen/api"
)

// NewClient returns a client that holds every exchange with a server against the contract.
func NewClient(t testing.TB, base http.RoundTripper) *http.Client {
	t.Helper()
	return &http.Client{Transport: &checked{t: t, base: base}}
}

// checked is a transport that holds every exchange against the contract.
type checked struct {
	t    testing.TB
	base http.RoundTripper
}

func (c *checked) RoundTrip(request *http.Request) (*http.Response, error) {
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

// check fails the test if the answer is not what the contract says, or if a request
// that the contract does not allow has succeeded.
func check(t testing.TB, request *http.Request, sent []byte, response *http.Response) {
	t.Helper()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("read the answer: %v", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(received))
	if err := faultOf(request, sent, response, received); err != nil {
		t.Errorf("%s %s: %d is not in the contract: %v\n%s", request.Method, request.URL.EscapedPath(), response.StatusCode, err, received)
	}
}

func faultOf(request *http.Request, sent []byte, response *http.Response, received []byte) error {
	header := response.Header
	if id := header.Get("X-Request-Id"); len(id) != 26 {
		return fmt.Errorf("X-Request-Id is %q", id)
	}
	if header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" {
		return errors.New("Cache-Control or X-Content-Type-Options is wrong")
	}
	code, err := checkProblem(request, response, received)
	if err != nil {
		return err
	}
	route, parameters := findRoute(request)
	if route == nil {
		if strings.HasPrefix(request.URL.Path, "/openapi/") && response.StatusCode < 400 && request.Method != http.MethodOptions {
			return errors.New("it succeeds outside the contract")
		}
		return nil
	}
	if err := checkDocumented(route.Operation, response, received, code); err != nil {
		return err
	}
	input := &openapi3filter.RequestValidationInput{
		Request: request.Clone(context.Background()), PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus: true,
			MultiError:            true,
			ExcludeResponseBody:   request.Method == http.MethodHead,
		},
	}
	if response.StatusCode < 300 {
		input.Request.Body = io.NopCloser(bytes.NewReader(sent))
		if len(sent) == 0 {
			input.Request.Body, input.Request.ContentLength = nil, 0
		}
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			return fmt.Errorf("it answers a request that the contract does not allow: %w", err)
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: header,
		Body: io.NopCloser(bytes.NewReader(received)), Options: input.Options,
	})
}

// checkProblem holds the members of a problem against each other and the headers, and
// returns its code; "" if there is none to read.
func checkProblem(request *http.Request, response *http.Response, received []byte) (api.ProblemCode, error) {
	if response.StatusCode < 400 || request.Method == http.MethodHead {
		return "", nil
	}
	var problem api.Problem
	strict := json.NewDecoder(bytes.NewReader(received))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&problem); err != nil {
		return "", fmt.Errorf("it is no problem: %w", err)
	}
	if _, err := strict.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("there is more than a problem")
	}
	header := response.Header
	switch {
	case header.Get("Content-Type") != "application/problem+json":
		return "", fmt.Errorf("Content-Type is %s", header.Get("Content-Type"))
	case problem.Status != response.StatusCode, problem.RequestID != header.Get("X-Request-Id"):
		return "", errors.New("status or request_id is not the header's")
	case !problem.Code.Valid(), problem.Type != "urn:userapi:problem:"+string(problem.Code):
		return "", fmt.Errorf("code is %s, type is %s", problem.Code, problem.Type)
	case problem.Errors == nil || len(problem.Errors) > 32:
		return "", fmt.Errorf("errors has %d members", len(problem.Errors))
	case (response.StatusCode == http.StatusMethodNotAllowed) != (header.Get("Allow") != ""):
		return "", fmt.Errorf("header Allow is %q", header.Get("Allow"))
	}
	return problem.Code, nil
}

// always may stand in every answer without being documented.
var always = []string{"Date", "Content-Length", "Content-Type", "Cache-Control", "X-Content-Type-Options", "Connection"}

// notUTC finds a time in an answer that does not end in Z.
var notUTC = regexp.MustCompile(`"(create_time|time|expires_at)":"[^"]*[^"Z]"`)

// checkDocumented finds a status, headers and the code of a problem that the operation's
// answers do not name.
func checkDocumented(op *openapi3.Operation, response *http.Response, received []byte, code api.ProblemCode) error {
	documented := op.Responses.Status(response.StatusCode)
	if documented == nil {
		return errors.New("the status is not documented")
	}
	known := slices.Clone(always)
	for name, header := range documented.Value.Headers {
		known = append(known, http.CanonicalHeaderKey(name))
		if header.Value.Required && response.Header.Get(name) == "" {
			return fmt.Errorf("%s is missing", name) // ValidateResponse does not look at a 304
		}
	}
	for name := range response.Header {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s is not documented", name)
		}
	}
	if local := notUTC.Find(received); local != nil {
		return fmt.Errorf("%s is not in UTC", local)
	}
	if code != "" && !strings.Contains(*documented.Value.Description, "`"+string(code)+"`") {
		return fmt.Errorf("%s is not named in the description of %d", code, response.StatusCode)
	}
	return nil
}

// Contract is openapi.yaml, made stricter: answers have no members beside the documented ones.
var Contract = sync.OnceValue(func() *openapi3.T {
	spec, err := api.GetSpec()
	if err != nil {
		panic(err)
	}
	closed := false
	for _, schema := range spec.Components.Schemas {
		if schema.Value.Type.Is(openapi3.TypeObject) && schema.Value.AdditionalProperties.Has == nil {
			schema.Value.AdditionalProperties.Has = &closed
		}
	}
	return spec
})

// findRoute returns the operation that a request is for, or nil.
func findRoute(request *http.Request) (*routers.Route, map[string]string) {
	method := request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	sent := request.URL.EscapedPath()
	for route, item := range Contract().Paths.Map() {
		// No stock router takes every spelling of a path that tests send.
		matched, err := path.Match(strings.ReplaceAll(route, "{user_id}", "*"), sent)
		if operation := item.GetOperation(method); err == nil && matched && operation != nil {
			return &routers.Route{Spec: Contract(), Path: route, PathItem: item, Method: method, Operation: operation},
				map[string]string{"user_id": userIDOf(route, sent)}
		}
	}
	return nil, nil
}

// userIDOf returns the segment that stands for {user_id}.
func userIDOf(route, sent string) string {
	place := slices.Index(strings.Split(route, "/"), "{user_id}")
	if place < 0 {
		return ""
	}
	return strings.Split(sent, "/")[place]
}
