package httpapi

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"

	"userapi/internal/directory"
)

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

// closed is the header line that ends a connection with the answer.
var closed = []string{"close"}

// doNotWaitForBody has a refusal sent although the body has not arrived: net/http would
// wait for it, unless the connection ends with the answer. readBody takes it back.
func doNotWaitForBody(c echo.Context) {
	if c.Request().ContentLength != 0 {
		c.Response().Header()[echo.HeaderConnection] = closed
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
