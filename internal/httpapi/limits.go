package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"

	"userapi/internal/directory"
)

// maxBody is the longest body that is read, in bytes.
const maxBody = 64 << 10

// NewHTTPServer returns a server with limits on what a stranger can hold open.
func NewHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is for h, too
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 30 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               12 << 10, // net/http takes 4 KiB more
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// limit gives a request an end to its waiting, and its refusal none for a body.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), s.RequestTimeout)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		if c.Request().ContentLength != 0 {
			// Until readBody has read it: without this, net/http waits for the body before it answers.
			c.Response().Header().Set(echo.HeaderConnection, "close")
		}
		return next(c)
	}
}

// tokenLimiter counts the requests of each token. It forgets those that rest, so that
// its memory is bounded by the tokens in use.
type tokenLimiter struct {
	store *middleware.RateLimiterMemoryStore // nil: no limit
}

// newTokenLimiter allows this many requests a second, and as many at once; 0: any number.
func newTokenLimiter(perSecond int) tokenLimiter {
	if perSecond == 0 {
		return tokenLimiter{}
	}
	return tokenLimiter{middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
		Rate: rate.Limit(perSecond), Burst: perSecond, ExpiresIn: time.Minute,
	})}
}

// allow returns CodeTooManyRequests for a request too many. Who has no token is not counted.
func (l tokenLimiter) allow(t directory.Token) error {
	if l.store == nil || t.ID == 0 {
		return nil
	}
	allowed, err := l.store.Allow(strconv.FormatInt(t.ID, 10))
	if err == nil && !allowed {
		err = &directory.Error{Code: directory.CodeTooManyRequests}
	}
	return err
}
