package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/internal/directory"
	"userapi/internal/telemetry"
)

// exchange is what is known of a request beside the request itself.
type exchange struct {
	requestID string
	address   netip.Addr
	principal directory.Principal // zero until the token was checked
	userID    directory.UserID    // who acts, for the log; 0: not known
	problem   api.ProblemCode     // of the answer; "": none
}

type exchangeKey struct{}

// current returns the exchange that observe began.
func current(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// observe names the request, sets the headers that every answer carries, has errors
// written, and logs a line: never a path, a query or a body, which may hold secrets.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now()
		address, _ := netip.ParseAddr(c.RealIP())
		x := &exchange{requestID: rand.Text(), address: address.Unmap().WithZone("")}
		ctx := context.WithValue(c.Request().Context(), exchangeKey{}, x)
		c.SetRequest(c.Request().WithContext(ctx))
		header := c.Response().Header()
		header.Set(echo.HeaderXRequestID, x.requestID)
		header.Set(echo.HeaderCacheControl, "no-store")
		header.Set(echo.HeaderXContentTypeOptions, "nosniff")

		if err := next(c); err != nil {
			c.Error(err)
		}

		attributes := []slog.Attr{
			slog.String("request_id", x.requestID),
			slog.String("method", knownMethod(c.Request().Method)),
			slog.String("route", c.Path()),
			slog.Int("status", c.Response().Status),
			slog.Duration("duration", time.Since(begin)),
			slog.String("address", x.address.String()),
			slog.Int64("user_id", int64(x.userID)),
		}
		if x.problem != "" {
			attributes = append(attributes, slog.String("problem", string(x.problem)))
		}
		s.Logger.LogAttrs(ctx, slog.LevelInfo, "request", attributes...)
		return nil
	}
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

// recoverPanic is Echo's, but that its error shows no value.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = telemetry.NewPanicError(value)
			}
		}()
		return next(c)
	}
}
