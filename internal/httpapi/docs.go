package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

const docsPath = "/docs"

var (
	inlined = regexp.MustCompile(`(?s)<(script|style)>(.*?)</`)
	linked  = regexp.MustCompile(`(?:src|href)="(` + docsPath + `/[^"]+)"`)
)

// registerDocs adds Swagger UI, on which a person reads the contract and tries it here.
// It needs nothing from other hosts, and its policy keeps it from asking them.
func registerDocs(r headRouter) error {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "userapi", SwaggerJSON: "/openapi.json", BasePath: docsPath,
		AppendHead: `<meta name="viewport" content="width=device-width, initial-scale=1">`,
	})
	request, err := http.NewRequest(http.MethodGet, docsPath, nil) //nolint:noctx // it goes nowhere
	if err != nil {
		return err
	}
	var page rendered
	ui.ServeHTTP(&page, request)
	policy := docsPolicy(page.Bytes())
	for _, path := range []string{docsPath, docsPath + "/"} {
		r.GET(path, func(c echo.Context) error {
			c.Response().Header().Set("Content-Security-Policy", policy)
			c.Response().Header().Set("Referrer-Policy", "no-referrer")
			return c.HTMLBlob(http.StatusOK, page.Bytes())
		})
	}
	for _, link := range linked.FindAllSubmatch(page.Bytes(), -1) {
		r.GET(string(link[1]), func(c echo.Context) error {
			// Its ETag has no quotes, as RFC 9110 §8.8.3 wants, and nothing is stored anyway.
			c.Response().Before(func() { c.Response().Header().Del("ETag") })
			ui.ServeHTTP(c.Response(), c.Request())
			return nil
		})
	}
	return nil
}

// docsPolicy is a Content-Security-Policy (CSP Level 3) that allows what the page has:
// its own files, the scripts and styles that stand in it, and requests to this server.
func docsPolicy(page []byte) string {
	allowed := map[string]string{}
	for _, text := range inlined.FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(text[2])
		allowed[string(text[1])] += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'" + allowed["script"],
		"style-src 'self'" + allowed["style"],
		"img-src 'self' data:",
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// rendered is a page that a handler has written.
type rendered struct{ bytes.Buffer }

// Header implements http.ResponseWriter.
func (*rendered) Header() http.Header { return http.Header{} }

// WriteHeader implements http.ResponseWriter.
func (*rendered) WriteHeader(int) {}
