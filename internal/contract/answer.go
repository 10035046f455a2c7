package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Exchange is one request with its answer. The checks read the bodies from Sent and Received
// only, never from Request and Response.
type Exchange struct {
	Request  *http.Request
	Sent     []byte
	Response *http.Response
	Received []byte
}

// basePath is the prefix of every path of the contract.
const basePath = "/openapi/v1/"

// CheckExchange fails if the answer is not what the contract says: its status, headers, media
// type, body and, for a problem, its code. It also fails if a request that the contract
// does not allow has succeeded. Paths outside the contract may answer as they like, except
// that their errors have to be problems.
func (c *Contract) CheckExchange(e Exchange) error {
	header := e.Response.Header
	if id := header.Get("X-Request-Id"); id == "" || len(id) > 64 {
		return fmt.Errorf("X-Request-Id is %q", id)
	}
	isFile := !strings.HasPrefix(e.Request.URL.Path, basePath) && e.Response.StatusCode < 400 // caches may keep it
	if (header.Get("Cache-Control") != "no-store" && !isFile) || header.Get("X-Content-Type-Options") != "nosniff" {
		return errors.New("Cache-Control or X-Content-Type-Options is wrong")
	}
	code, err := c.checkProblem(e)
	if err != nil {
		return err
	}
	route, parameters := c.findRoute(e.Request)
	if route == nil {
		if strings.HasPrefix(e.Request.URL.Path, basePath) && e.Response.StatusCode < 400 && e.Request.Method != http.MethodOptions {
			return errors.New("a request that is not in the contract succeeds")
		}
		return nil
	}
	if err := checkDocumented(route.Operation, e, code); err != nil {
		return err
	}
	input := &openapi3filter.RequestValidationInput{
		Request: e.Request.Clone(context.Background()), PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus: true,
			MultiError:            true,
			ExcludeResponseBody:   e.Request.Method == http.MethodHead,
		},
	}
	if e.Response.StatusCode < 300 {
		input.Request.Body = io.NopCloser(bytes.NewReader(e.Sent))
		if len(e.Sent) == 0 {
			input.Request.Body, input.Request.ContentLength = nil, 0
		}
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			return fmt.Errorf("a request that the contract does not allow succeeds: %w", err)
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: e.Response.StatusCode, Header: header,
		Body: io.NopCloser(bytes.NewReader(e.Received)), Options: input.Options,
	})
}

// problem has the members of a problem that have to agree with other parts of the answer.
type problem struct {
	Type      string `json:"type"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

// checkProblem checks a problem against its schema, its own members and the headers. It
// returns the code, or "" for an answer that is not a problem or has no body.
func (c *Contract) checkProblem(e Exchange) (code string, err error) {
	if e.Response.StatusCode < 400 || e.Request.Method == http.MethodHead {
		return "", nil
	}
	var value any
	if err := json.Unmarshal(e.Received, &value); err != nil {
		return "", fmt.Errorf("an error is not one problem: %w", err)
	}
	schema := c.document.Components.Schemas["Problem"].Value
	if err := schema.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors()); err != nil {
		return "", fmt.Errorf("an error is not a problem: %w", err)
	}
	var p problem
	if err := json.Unmarshal(e.Received, &p); err != nil {
		return "", err
	}
	header := e.Response.Header
	switch {
	case header.Get("Content-Type") != "application/problem+json":
		return "", fmt.Errorf("Content-Type of a problem is %s", header.Get("Content-Type"))
	case p.Status != e.Response.StatusCode, p.RequestID != header.Get("X-Request-Id"):
		return "", errors.New("status or request_id differs from the header")
	case p.Type != "urn:userapi:problem:"+p.Code:
		return "", fmt.Errorf("code is %s, type is %s", p.Code, p.Type)
	case (e.Response.StatusCode == http.StatusMethodNotAllowed) != (header.Get("Allow") != ""):
		return "", fmt.Errorf("header Allow is %q", header.Get("Allow"))
	}
	return p.Code, nil
}

// undocumented are the headers that every answer may have without naming them.
var undocumented = []string{"Date", "Content-Length", "Content-Type", "Cache-Control", "X-Content-Type-Options", "Connection"}

// timesSent finds the times in an answer, and timeForm is what each of them has to look like.
var (
	timesSent = regexp.MustCompile(`"(?:create_time|time|expires_at)":"([^"]*)"`)
	timeForm  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)
)

// checkDocumented fails if the operation does not document the status, a header or the problem's
// code.
func checkDocumented(described *openapi3.Operation, e Exchange, code string) error {
	answer := described.Responses.Status(e.Response.StatusCode)
	if answer == nil {
		return errors.New("the status is not documented")
	}
	known := slices.Clone(undocumented)
	for name, header := range answer.Value.Headers {
		known = append(known, http.CanonicalHeaderKey(name))
		if header.Value.Required && e.Response.Header.Get(name) == "" {
			return fmt.Errorf("%s is missing", name) // ValidateResponse ignores the headers of a 304
		}
	}
	for name := range e.Response.Header {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s is not documented", name)
		}
	}
	for _, sent := range timesSent.FindAllSubmatch(e.Received, -1) {
		if !timeForm.Match(sent[1]) {
			return fmt.Errorf("the time %s is not in UTC with six fractional digits", sent[1])
		}
	}
	if code != "" && !strings.Contains(*answer.Value.Description, "`"+code+"`") {
		return fmt.Errorf("the description of %d does not name %s", e.Response.StatusCode, code)
	}
	return nil
}

// findRoute returns the operation of a request and the values of its path parameters, or nil.
func (c *Contract) findRoute(request *http.Request) (*routers.Route, map[string]string) {
	// No router of the library accepts every spelling of a path that tests send.
	sent := request.URL.EscapedPath()
	found := c.Find(request.Method, sent)
	if found == nil {
		return nil, nil
	}
	item := c.document.Paths.Value(found.Path)
	return &routers.Route{Spec: c.document, Path: found.Path, PathItem: item, Method: found.Method, Operation: item.GetOperation(found.Method)},
		map[string]string{"user_id": userIDOf(found.Path, NormalPath(sent))}
}

// userIDOf returns the segment of a path at the position of {user_id} in the template. It returns
// "" if the template has no {user_id}.
func userIDOf(template, sent string) string {
	place := slices.Index(strings.Split(template, "/"), "{user_id}")
	if place < 0 {
		return ""
	}
	return strings.Split(sent, "/")[place]
}
