package httpapi

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/gen/spec"
)

// registerProbes adds the paths outside the API: /healthz says that the server is alive, /readyz
// that its database answers and can be changed, /openapi.yaml, /openapi.json and /openapi-3.1.json
// are the contract, and /oapi-codegen.yaml generates a Go client. They need no token.
func (s *Server) registerProbes(r headRouter) error {
	asJSON, err := spec.GetSpecJSON()
	if err != nil {
		return err
	}
	for path, content := range map[string]struct {
		mediaType string
		bytes     []byte
	}{
		"/openapi.yaml":      {"application/yaml", spec.YAML}, // RFC 9512
		"/openapi.json":      {echo.MIMEApplicationJSON, asJSON},
		"/openapi-3.1.json":  {echo.MIMEApplicationJSON, spec.JSON31},
		"/oapi-codegen.yaml": {"application/yaml", spec.ClientYAML},
	} {
		r.GET(path, newFile(content.mediaType, content.bytes).serve)
	}
	r.GET("/healthz", func(c echo.Context) error {
		return c.String(http.StatusOK, "alive\n")
	})
	r.GET("/readyz", func(c echo.Context) error {
		if err := s.Ready(c.Request().Context()); err != nil {
			return &requestError{Code: api.ProblemCodeUnavailable, Detail: readyDetail(err), Err: err}
		}
		return c.String(http.StatusOK, "ready\n")
	})
	return nil
}

// readyDetail returns the sentence for everybody that an error of the database has, or "". It stays the same
// while the cause lasts.
func readyDetail(err error) string {
	named, ok := errors.AsType[interface {
		error
		ReadyDetail() string
	}](err)
	if !ok {
		return ""
	}
	return named.ReadyDetail()
}
