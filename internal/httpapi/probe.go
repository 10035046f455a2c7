package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/gen/spec"
)

// registerProbes adds what lies outside the API: whether the server is alive, whether
// its database answers, and the contract. Everyone may ask.
func (s *Server) registerProbes(r headRouter) error {
	asJSON, err := spec.GetSpecJSON()
	if err != nil {
		return err
	}
	r.GET("/openapi.yaml", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/yaml", spec.YAML) // RFC 9512
	})
	r.GET("/openapi.json", func(c echo.Context) error {
		return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, asJSON)
	})
	r.GET("/healthz", func(c echo.Context) error {
		return c.String(http.StatusOK, "alive\n")
	})
	r.GET("/readyz", func(c echo.Context) error {
		if err := s.Ready(c.Request().Context()); err != nil {
			return &requestError{Code: api.ProblemCodeUnavailable, Err: err}
		}
		return c.String(http.StatusOK, "ready\n")
	})
	return nil
}
