package httpapi

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/gen/spec"
)

// registerProbes adds the paths outside the API: /healthz says that the server is alive, /readyz
// that its database answers and can be changed, /openapi.yaml and /openapi.json are the contract, and
// /oapi-codegen.yaml generates a Go client. They need no token.
func (s *Server) registerProbes(r headRouter) error {
	asJSON, err := spec.GetSpecJSON()
	if err != nil {
		return err
	}
	r.GET("/openapi.yaml", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/yaml", spec.YAML) // RFC 9512
	})
	r.GET("/oapi-codegen.yaml", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/yaml", spec.ClientYAML)
	})
	r.GET("/openapi.json", func(c echo.Context) error {
		return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, asJSON)
	})
	r.GET("/healthz", func(c echo.Context) error {
		return c.String(http.StatusOK, "alive\n")
	})
	r.GET("/readyz", func(c echo.Context) error {
		if err := s.Ready(c.Request().Context()); err != nil {
			failure := &requestError{Code: api.ProblemCodeUnavailable, Err: err}
			if named, ok := errors.AsType[interface {
				error
				ReadyDetail() string
			}](err); ok {
				failure.Detail = named.ReadyDetail()
			}
			return failure
		}
		return c.String(http.StatusOK, "ready\n")
	})
	return nil
}
