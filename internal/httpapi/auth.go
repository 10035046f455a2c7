package httpapi

import (
	"strings"

	"github.com/labstack/echo/v4"

	"userapi/internal/directory"
)

// authenticate finds out who sends the request, before anything of its body is read.
// Routes that are not operations of the contract pass.
func (s *Server) authenticate(contract *contract) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			op := contract.operation(c)
			if op == nil {
				return next(c)
			}
			token, err := credential(c.Request().Header[echo.HeaderAuthorization])
			if err != nil {
				return err
			}
			ctx := c.Request().Context()
			principal, err := s.Directory.Authenticate(ctx, token)
			if err != nil {
				return err
			}
			x := current(ctx)
			principal.RequestID, principal.Address = x.requestID, x.address
			x.principal = principal
			return next(c)
		}
	}
}

// credential reads Authorization: the token behind the scheme Bearer in any letter
// case (RFC 6750 §2.1, RFC 9110 §11.1), or the token alone.
func credential(lines []string) (string, error) {
	if len(lines) != 1 {
		return "", &directory.Error{Code: directory.CodeUnauthenticated}
	}
	value := strings.TrimSpace(lines[0])
	if scheme, token, found := strings.Cut(value, " "); found && strings.EqualFold(scheme, "Bearer") {
		value = strings.TrimSpace(token)
	}
	if value == "" {
		return "", &directory.Error{Code: directory.CodeUnauthenticated}
	}
	return value, nil
}
