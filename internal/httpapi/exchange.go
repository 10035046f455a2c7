package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/internal/contract"
	"userapi/internal/directory"
	"userapi/internal/telemetry"
)

// exchange is what the server knows about a request. It is also the context of the request, so
// that the context needs one value instead of several.
type exchange struct {
	waitContext
	requestID string
	trace     trace
	address   netip.Addr
	operation *contract.Operation // nil: none, or the path has not been looked at
	principal directory.Principal // zero until the token has been checked
	userID    directory.UserID    // for the log; 0: unknown
	body      []byte              // after check has accepted it
	problem   api.ProblemCode     // of the answer; "": the answer is not a problem

	// Of a log-in that was refused, see isRefusedLogIn:
	refusedLogIn bool
	account      directory.UserID // that has the name; 0: none. It is only for the log
}

// operationID returns the operationId, or "".
func (x *exchange) operationID() string {
	if x.operation == nil {
		return ""
	}
	return x.operation.ID
}

type exchangeKey struct{}

// Value implements context.Context.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.waitContext.Value(key)
}

// exchangeFrom returns the exchange of a request. Every request to [Server.Handler] has one.
func exchangeFrom(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// Values of headers that every answer has.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// middleware gives each request an id and a deadline for waiting, see [waitContext], sets the headers that every
// answer has, serves the request, writes the problem if that fails, and logs one line.
func (s *Server) middleware(r routes) echo.MiddlewareFunc {
	limiter := newUserLimiter(s.RateLimit)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			begin := time.Now()
			address, notBelieved := s.clientAddress(c.Request())
			x := &exchange{requestID: s.RequestID(), trace: s.traceOf(c.Request()), address: address}
			x.Context, x.deadline = c.Request().Context(), begin.Add(s.RequestTimeout)
			defer x.stop()
			if notBelieved != nil {
				s.logForwarded(x, notBelieved)
			}
			c.SetRequest(c.Request().WithContext(x))
			header := c.Response().Header()
			header[echo.HeaderXRequestID] = []string{x.requestID}
			header[echo.HeaderCacheControl] = noStore
			header[echo.HeaderXContentTypeOptions] = noSniff
			if err := s.serve(r, limiter, x, c, next); err != nil {
				c.Error(err)
			}
			took := time.Since(begin)
			s.meters.countRequest(x, c.Response().Status, took)
			s.log(c, x, took)
			return nil
		}
	}
}

// serve takes the steps of a request in the order of the statuses that they can end with. A route
// outside the contract, such as a probe, takes only the last step. A panic becomes an error that
// shows no value of the client.
func (s *Server) serve(r routes, limiter userLimiter, x *exchange, c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	doNotWaitForBody(c)
	if isServerOptions(c.Request()) {
		c.Response().Header().Set(echo.HeaderAllow, r.methods())
		return c.NoContent(http.StatusNoContent)
	}
	if op := r.operation(c); op != nil {
		x.operation = op
		if s.MaxRequests > 0 {
			defer s.inProgress.Add(-1)
			if s.inProgress.Add(1) > int64(s.MaxRequests) {
				return directory.NewQueueFullError(directory.RefusalRequestLimit, fmt.Sprintf("%d requests are in progress", s.MaxRequests))
			}
		}
		if slices.Contains(c.ParamValues(), "") {
			return echo.ErrNotFound // Echo accepts an empty segment as a parameter
		}
		if err := s.authenticate(op, x, c.Request()); err != nil {
			return err
		}
		if err := limiter.allow(x.principal); err != nil {
			return err
		}
		if err := check(op, x, c); err != nil {
			return err
		}
	}
	return next(c)
}

// log writes one line for a request. It never contains a path, a query or a body, because they
// may contain secrets. The manual describes all attributes.
func (s *Server) log(c echo.Context, x *exchange, took time.Duration) {
	attributes := append(make([]slog.Attr, 0, 12),
		slog.String("request_id", x.requestID),
		slog.String("method", knownMethod(c.Request().Method)),
		slog.String("operation", x.operationID()),
		slog.String("route", s.templates[c.Path()]),
		slog.Int("status", c.Response().Status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("address", addressText(x.address)),
		slog.Int64("user_id", int64(x.userID)),
	)
	if x.problem != "" {
		attributes = append(attributes, slog.String("problem", string(x.problem)))
	}
	if x.refusedLogIn {
		attributes = append(attributes, slog.Int64("account_id", int64(x.account)))
	}
	if x.trace.id != "" {
		attributes = append(attributes, slog.String("trace_id", x.trace.id))
	}
	if x.trace.proxyRequestID != "" {
		attributes = append(attributes, slog.String("proxy_request_id", x.trace.proxyRequestID))
	}
	s.Logger.LogAttrs(x, slog.LevelInfo, "request", attributes...)
}

// knownMethod returns the method, or "other" if a client has invented it, because such a text
// must not reach logs and metrics.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete,
		http.MethodOptions, http.MethodPatch, http.MethodTrace, http.MethodConnect:
		return method
	}
	return "other"
}
