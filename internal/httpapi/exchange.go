package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/internal/directory"
	"userapi/internal/telemetry"
)

// exchange is what is known of a request beside the request itself. It is the context of
// the request, too: one value where there would be several.
type exchange struct {
	context.Context
	requestID string
	address   netip.Addr
	principal directory.Principal // zero until the token was checked
	userID    directory.UserID    // who acts, for the log; 0: not known
	body      []byte              // that check has passed
	problem   api.ProblemCode     // of the answer; "": none
}

type exchangeKey struct{}

// Value implements context.Context.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// exchangeFrom returns the exchange that middleware has begun.
func exchangeFrom(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// Header lines that every answer carries.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// middleware names each request, gives its waiting an end, sets the headers that every
// answer carries, carries the request out, has errors written, and logs a line.
func (s *Server) middleware(r routes) echo.MiddlewareFunc {
	limiter := newTokenLimiter(s.RateLimit)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			begin := time.Now()
			address, _ := netip.ParseAddr(c.RealIP())
			ctx, cancel := context.WithTimeout(c.Request().Context(), s.RequestTimeout)
			defer cancel()
			x := &exchange{Context: ctx, requestID: rand.Text(), address: address.Unmap().WithZone("")}
			c.SetRequest(c.Request().WithContext(x))
			header := c.Response().Header()
			header[echo.HeaderXRequestID] = []string{x.requestID}
			header[echo.HeaderCacheControl] = noStore
			header[echo.HeaderXContentTypeOptions] = noSniff
			if err := s.serve(r, limiter, x, c, next); err != nil {
				c.Error(err)
			}
			s.log(c, x, time.Since(begin))
			return nil
		}
	}
}

// serve takes the steps of a request in the order of the statuses that they can end
// with; of a route that is no operation of the contract only the last. A panic is an
// error that shows no value.
func (s *Server) serve(r routes, limiter tokenLimiter, x *exchange, c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = telemetry.NewPanicError(value)
		}
	}()
	doNotWaitForBody(c)
	if op := r.operation(c); op != nil {
		if slices.Contains(c.ParamValues(), "") {
			return echo.ErrNotFound // Echo takes an empty segment for a parameter
		}
		if err := s.authenticate(op, x, c.Request()); err != nil {
			return err
		}
		if err := limiter.allow(x.principal.Token); err != nil {
			return err
		}
		if err := check(op, x, c); err != nil {
			return err
		}
	}
	return next(c)
}

// log writes a line: never a path, a query or a body, which may hold secrets.
func (s *Server) log(c echo.Context, x *exchange, took time.Duration) {
	attributes := append(make([]slog.Attr, 0, 8),
		slog.String("request_id", x.requestID),
		slog.String("method", knownMethod(c.Request().Method)),
		slog.String("route", c.Path()),
		slog.Int("status", c.Response().Status),
		slog.Duration("duration", took),
		slog.String("address", x.address.String()),
		slog.Int64("user_id", int64(x.userID)),
	)
	if x.problem != "" {
		attributes = append(attributes, slog.String("problem", string(x.problem)))
	}
	s.Logger.LogAttrs(x, slog.LevelInfo, "request", attributes...)
}

// knownMethod keeps methods that a client invented out of logs and metrics.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete,
		http.MethodOptions, http.MethodPatch, http.MethodTrace, http.MethodConnect:
		return method
	}
	return "other"
}
