package httpapi

import (
	"context"
	"crypto/rand"
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

// Server serves a directory. All exported fields are required except TrustedProxies, RateLimit and RequestID.
type Server struct {
	Contract  *contract.Contract
	Directory *directory.Service
	Ready     func(context.Context) error // returns nil if the database answers; /readyz shows the ReadyDetail of an error that has one
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
	// RequestTimeout is how long a request may wait to hash or to write before it is answered
	// 503. It must be shorter than the timeouts of [NewHTTPServer], which cut the connection.
	RequestTimeout time.Duration
	// TrustedProxies are the proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// RateLimit is the number of requests that a user may send in a second; 0 means any number.
	RateLimit int
	// RequestID returns the id of a new request, of 26 characters; nil means random ids.
	RequestID func() string

	unavailable, forwarded causeLog
	refused                refusalLog
}

var _ api.StrictServerInterface = (*Server)(nil)

// Handler returns the handler of the public listener. It fails if the routes of the generated
// code differ from the operations of the contract.
func (s *Server) Handler() (http.Handler, error) {
	if s.RequestID == nil {
		s.RequestID = rand.Text
	}
	operations := newRoutes(s.Contract)
	e := echo.New()
	e.Binder = binder{}
	e.HTTPErrorHandler = s.writeProblem
	e.IPExtractor = echo.ExtractIPDirect() // clientAddress reads X-Forwarded-For
	e.Pre(normalPath)
	e.Use(measure(s.Metrics), s.middleware(operations))

	api.RegisterHandlers(headRouter{e}, api.NewStrictHandler(s, nil))
	if err := operations.covers(e.Routes()); err != nil {
		return nil, err
	}
	for _, route := range operations.leaves() {
		if strings.Contains(path.Base(route), ":") {
			// Without children, Echo's last parameter would match further segments too.
			e.RouteNotFound(route+"/*", echo.NotFoundHandler)
		}
	}
	if err := errors.Join(s.registerProbes(headRouter{e}), registerDocs(headRouter{e})); err != nil {
		return nil, err
	}
	return e, nil
}

// headRouter registers HEAD with every GET. net/http leaves out the body.
type headRouter struct{ *echo.Echo }

func (r headRouter) GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.HEAD(path, h, m...)
	return r.Echo.GET(path, h, m...)
}

// measure counts requests and measures their duration. No label contains a text that a client
// chooses.
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
