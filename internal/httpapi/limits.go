package httpapi

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"

	"userapi/internal/directory"
)

// readTimeout is how long a request may take to arrive.
const readTimeout = 10 * time.Second

// NewHTTPServer returns a server with limits on the time and the memory that a stranger can use.
func NewHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true, // h answers "OPTIONS *" too
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 30 * time.Second,
		IdleTimeout:                  30 * time.Second, // others may wait for the connection
		MaxHeaderBytes:               12 << 10,         // net/http adds 4 KiB
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// tokenLimiter limits the requests of each token. It forgets tokens that are not used for a
// minute, so the tokens in use bound its memory.
type tokenLimiter struct {
	store *middleware.RateLimiterMemoryStore // nil: no limit
}

// newTokenLimiter allows perSecond requests a second, and as many at the same moment; 0 means
// any number.
func newTokenLimiter(perSecond int) tokenLimiter {
	if perSecond == 0 {
		return tokenLimiter{}
	}
	return tokenLimiter{middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
		Rate: rate.Limit(perSecond), Burst: perSecond, ExpiresIn: time.Minute,
	})}
}

// allow fails with [directory.CodeTooManyRequests] if the token has sent too many requests.
// Requests without a token are not counted.
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
