package httpapi

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"userapi/internal/directory"
)

// authenticate finds out who sends the request, before anything of its body is read, and
// whether that is too often. Routes that are not operations of the contract pass.
func (s *Server) authenticate(contract *contract) echo.MiddlewareFunc {
	limiter := newTokenLimiter(s.RateLimit)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			op := contract.operation(c)
			if op == nil {
				return next(c)
			}
			principal, err := directory.Anonymous(), error(nil)
			if !op.open {
				principal, err = s.holder(c.Request())
			}
			if err != nil {
				return err
			}
			x := current(c.Request().Context())
			principal.RequestID, principal.Address = x.requestID, x.address
			x.principal, x.userID = principal, principal.User.ID
			if err := limiter.allow(principal.Token); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// holder returns whose token the request has.
func (s *Server) holder(r *http.Request) (directory.Principal, error) {
	token, err := credential(r.Header[echo.HeaderAuthorization])
	if err != nil {
		return directory.Principal{}, err
	}
	return s.Directory.Authenticate(r.Context(), token)
}

// credential reads Authorization: the token behind the scheme Bearer in any letter
// case (RFC 6750 §2.1, RFC 9110 §11.1), or the token alone.
func credential(lines []string) (string, error) {
	if len(lines) != 1 {
		return "", &directory.Error{Code: directory.CodeUnauthenticated}
	}
	value := strings.Trim(lines[0], " \t")
	if scheme, token, found := strings.Cut(value, " "); found && strings.EqualFold(scheme, "Bearer") {
		value = strings.Trim(token, " \t")
	}
	if value == "" {
		return "", &directory.Error{Code: directory.CodeUnauthenticated}
	}
	return value, nil
}
