// Package httpapi is the wire: it serves the contract with Echo, checks every request
// against it, and turns failures into problems.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo-contrib/echoprometheus"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"userapi/gen/api"
	"userapi/internal/contract"
	"userapi/internal/directory"
)

// Server serves a directory. All fields but TrustedProxies and RateLimit are needed.
type Server struct {
	Contract  *contract.Contract
	Directory *directory.Service
	Ready     func(context.Context) error // nil if the database answers
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
	// RequestTimeout ends the wait for a turn to hash or to write with 503. It has to be
	// shorter than the limits of NewHTTPServer, which cut the connection.
	RequestTimeout time.Duration
	// TrustedProxies may name their client in X-Forwarded-For; none: nobody may.
	TrustedProxies []netip.Prefix
	// RateLimit is how many requests a token may send in a second; 0: any number.
	RateLimit int
}

var _ api.StrictServerInterface = (*Server)(nil)

// Handler returns everything that is served to the public. It fails if the contract
// and the routes do not fit together.
func (s *Server) Handler() (http.Handler, error) {
	operations := newRoutes(s.Contract)
	e := echo.New()
	e.Binder = binder{}
	e.HTTPErrorHandler = s.writeProblem
	e.IPExtractor = clientAddress(s.TrustedProxies)
	e.Use(measure(s.Metrics), s.middleware(operations))

	api.RegisterHandlers(headRouter{e}, api.NewStrictHandler(s, nil))
	if err := operations.covers(e.Routes()); err != nil {
		return nil, err
	}
	for _, route := range operations.leaves() {
		if strings.Contains(path.Base(route), ":") {
			// Echo lets a parameter at the end swallow further segments, unless there are children.
			e.RouteNotFound(route+"/*", echo.NotFoundHandler)
		}
	}
	if err := errors.Join(s.registerProbes(headRouter{e}), registerDocs(headRouter{e})); err != nil {
		return nil, err
	}
	return e, nil
}

// headRouter routes HEAD wherever it routes GET; net/http leaves the body out.
type headRouter struct{ *echo.Echo }

func (r headRouter) GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.HEAD(path, h, m...)
	return r.Echo.GET(path, h, m...)
}

// measure counts and times requests. Labels hold nothing that a client chooses.
func measure(registry prometheus.Registerer) echo.MiddlewareFunc {
	return echoprometheus.NewMiddlewareWithConfig(echoprometheus.MiddlewareConfig{
		Subsystem:                 "http",
		Registerer:                registry,
		DoNotUseRequestPathFor404: true,
		LabelFuncs: map[string]echoprometheus.LabelValueFunc{
			"host":   func(echo.Context, error) string { return "" },
			"method": func(c echo.Context, _ error) string { return knownMethod(c.Request().Method) },
		},
	})
}
