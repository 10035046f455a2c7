package httpapi

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"userapi/internal/contract"
	"userapi/internal/directory"
)

// authenticate sets the principal of the exchange. It reads only the header, so the server
// refuses strangers before it reads the body.
func (s *Server) authenticate(op *contract.Operation, x *exchange, r *http.Request) error {
	x.principal = directory.Anonymous()
	if !op.Open {
		token, err := credential(r.Header[echo.HeaderAuthorization])
		if err != nil {
			return err
		}
		if x.principal, err = s.Directory.Authenticate(x, token); err != nil {
			return err
		}
	}
	x.userID = x.principal.User.ID
	x.principal.RequestID, x.principal.Address = x.requestID, x.address
	return nil
}

// credential reads Authorization: a token after the scheme Bearer in any letter case
// (RFC 6750 §2.1, RFC 9110 §11.1), or a token alone.
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
