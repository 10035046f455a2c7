package httpapi

import (
	"log"
	"log/slog"
	"net/http"
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
		ErrorLog:                     log.New(&serverLog{logger: logger}, "", 0),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          100,       // RFC 9113 §6.5.2 advises against fewer
			MaxReceiveBufferPerStream:     64 << 10,  // a whole body
			MaxReceiveBufferPerConnection: 128 << 10, // of bodies that nobody has read yet
			WriteByteTimeout:              30 * time.Second,
		},
	}
}

// userLimiter limits the requests of each user, whatever the token. It forgets users who send
// nothing for a minute, so the active users bound its memory.
type userLimiter struct {
	store *middleware.RateLimiterMemoryStore // nil: no limit
}

// newUserLimiter allows perSecond requests a second, and as many at the same moment; 0 means
// any number.
func newUserLimiter(perSecond int) userLimiter {
	if perSecond == 0 {
		return userLimiter{}
	}
	return userLimiter{middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
		Rate: rate.Limit(perSecond), Burst: perSecond, ExpiresIn: time.Minute,
	})}
}

// allow fails with [directory.CodeTooManyRequests] if the user has sent too many requests.
// Requests without a token are not counted.
func (l userLimiter) allow(p directory.Principal) error {
	if l.store == nil || p.Token.ID == 0 {
		return nil
	}
	allowed, err := l.store.Allow(p.User.ID.String())
	if err == nil && !allowed {
		err = &directory.Error{Code: directory.CodeTooManyRequests, Refusal: directory.RefusalRateLimit}
	}
	return err
}
