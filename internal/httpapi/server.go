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
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"userapi/gen/api"
	"userapi/internal/contract"
	"userapi/internal/directory"
	"userapi/internal/telemetry"
)

// Server serves a directory. All exported fields are required except TrustedProxies, TrustUnix, RateLimit, RequestID and MaxRequests.
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
	// TrustUnix makes everybody who connects to a Unix socket a trusted proxy.
	TrustUnix bool
	// RateLimit is the number of requests that a user may send in a second; 0 means any number.
	RateLimit int
	// MaxRequests is how many requests may be in progress at the same time; 0 means any number. One more is
	// answered 503. Over HTTP/1.1, the number of connections is such a limit already.
	MaxRequests int
	// RequestID returns the id of a new request, of at most 64 characters; nil means random ids.
	RequestID func() string

	unavailable, forwarded telemetry.CauseLog // causes of 503, and of X-Forwarded-For that is not believed
	refused                refusalLog
	inProgress             atomic.Int64 // requests, if MaxRequests is set
	meters                 *meters
	templates              map[string]string // the contract's paths, and those outside it, by Echo's
}

var _ api.StrictServerInterface = (*Server)(nil)

// Handler returns the handler of the public listener. It fails if the routes of the generated
// code differ from the operations of the contract.
func (s *Server) Handler() (http.Handler, error) {
	if s.RequestID == nil {
		s.RequestID = rand.Text
	}
	operations := newRoutes(s.Contract)
	meters, err := newMeters(s.Metrics, s.Contract.Operations())
	if err != nil {
		return nil, err
	}
	s.meters, s.templates = meters, map[string]string{}
	e := echo.New()
	e.Binder = binder{}
	e.HTTPErrorHandler = s.writeProblem
	e.IPExtractor = echo.ExtractIPDirect() // clientAddress reads X-Forwarded-For
	e.Pre(normalPath)
	e.Use(s.middleware(operations))

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
	for _, route := range e.Routes() {
		if route.Method != echo.RouteNotFound {
			s.templates[route.Path] = operations.template(route.Path)
		}
	}
	return e, nil
}

// headRouter registers HEAD with every GET. net/http leaves out the body.
type headRouter struct{ *echo.Echo }

func (r headRouter) GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	r.HEAD(path, h, m...)
	return r.Echo.GET(path, h, m...)
}
