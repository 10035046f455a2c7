package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"userapi/internal/contract"
)

// routes finds the contract's operation of a request by Echo's path and the method.
type routes map[string]map[string]*contract.Operation

func newRoutes(c *contract.Contract) routes {
	r := routes{}
	for _, operation := range c.Operations() {
		path := strings.NewReplacer("{", ":", "}", "").Replace(operation.Path)
		if r[path] == nil {
			r[path] = map[string]*contract.Operation{}
		}
		r[path][operation.Method] = operation
		if operation.Method == echo.GET {
			r[path][echo.HEAD] = operation
		}
	}
	return r
}

// operation returns the operation that Echo has routed to, or nil.
func (r routes) operation(c echo.Context) *contract.Operation {
	return r[c.Path()][c.Request().Method]
}

// template returns the contract's path for one of Echo's. A path outside the contract stays as it is.
func (r routes) template(path string) string {
	for _, operation := range r[path] {
		return operation.Path
	}
	return path
}

// covers fails if a route is not in the contract, or if an operation has no route.
func (r routes) covers(registered []*echo.Route) error {
	routed := map[string]bool{}
	for _, route := range registered {
		if r[route.Path][route.Method] == nil {
			return fmt.Errorf("%s %s is not in the contract", route.Method, route.Path)
		}
		routed[route.Method+" "+route.Path] = true
	}
	for path, methods := range r {
		for method := range methods {
			if !routed[method+" "+path] {
				return fmt.Errorf("%s %s is in the contract but has no route", method, path)
			}
		}
	}
	return nil
}

// leaves returns the paths that have no other path below them.
func (r routes) leaves() (leaves []string) {
	for path := range r {
		hasChild := false
		for other := range r {
			hasChild = hasChild || strings.HasPrefix(other, path+"/")
		}
		if !hasChild {
			leaves = append(leaves, path)
		}
	}
	slices.Sort(leaves)
	return leaves
}

// normalPath lets Echo find the route of a path in which unreserved characters are encoded.
func normalPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if u := c.Request().URL; u.RawPath != "" {
			u.RawPath = contract.NormalPath(u.RawPath)
		}
		return next(c)
	}
}

// isServerOptions reports whether the request is "OPTIONS *", which asks about the server as a
// whole (RFC 9110 §9.3.7).
func isServerOptions(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.URL.Path == "*"
}

// methods returns the methods of the contract and OPTIONS, as in Allow.
func (r routes) methods() string {
	all := map[string]bool{}
	for _, methods := range r {
		for method := range methods {
			all[method] = true
		}
	}
	return strings.Join(append([]string{echo.OPTIONS}, slices.Sorted(maps.Keys(all))...), ", ")
}

// check refuses a request that is not what the contract asks for, and stores the body in x for
// the binder. It decides in the order 415, 413, 400, 422.
func check(operation *contract.Operation, x *exchange, c echo.Context) (err error) {
	if operation.TakesBody() {
		if x.body, err = readBody(c.Request(), c.Response()); err != nil {
			return err
		}
	}
	header := c.Request().Header
	for _, name := range operation.Headers() {
		if lines := header[name]; len(lines) > 1 { // the generated server expects one line
			header[name] = []string{strings.Join(lines, ", ")}
		}
	}
	return operation.Check(contract.Request{Header: header, RawQuery: c.Request().URL.RawQuery, Body: x.body})
}

// binder fills the generated server's request with the body that check has accepted.
type binder struct{}

// Bind implements echo.Binder. It returns io.EOF if there is no body.
func (binder) Bind(into any, c echo.Context) error {
	return contract.Unmarshal(exchangeFrom(c.Request().Context()).body, into)
}
