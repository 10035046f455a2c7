package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

const docsPath = "/docs"

var (
	inlined = regexp.MustCompile(`(?s)<(script|style)>(.*?)</`)
	linked  = regexp.MustCompile(`(?:src|href)="(` + docsPath + `/[^"]+)"`)
)

// registerDocs serves Swagger UI, where a person reads the contract and sends requests to this
// server. The page needs no other host, and its policy forbids requests to any.
func registerDocs(r headRouter) error {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "userapi", SwaggerJSON: "/openapi.yaml", BasePath: docsPath,
		AppendHead: `<meta name="viewport" content="width=device-width, initial-scale=1">`,
	})
	page, err := render(ui, docsPath)
	if err != nil {
		return err
	}
	policy := docsPolicy(page.Bytes())
	for _, path := range []string{docsPath, docsPath + "/"} {
		r.GET(path, func(c echo.Context) error {
			c.Response().Header().Set("Content-Security-Policy", policy)
			c.Response().Header().Set("Referrer-Policy", "no-referrer")
			return c.HTMLBlob(http.StatusOK, page.Bytes())
		})
	}
	for _, link := range linked.FindAllSubmatch(page.Bytes(), -1) {
		path := string(link[1])
		// Each file is unpacked at its first request and then served from memory. The library's
		// handler cannot serve it every time: it answers conditions and ranges without problems.
		file := sync.OnceValues(func() (*rendered, error) { return render(ui, path) })
		r.GET(path, func(c echo.Context) error {
			f, err := file()
			if err != nil {
				return err
			}
			return c.Blob(http.StatusOK, f.header.Get(echo.HeaderContentType), f.Bytes())
		})
	}
	return nil
}

// docsPolicy returns a Content-Security-Policy (CSP Level 3) that allows the page's own files,
// its inline scripts and styles by their hashes, and requests to this server. It allows nothing
// else.
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

// rendered records the answer of a handler. It is an http.ResponseWriter.
type rendered struct {
	bytes.Buffer
	header http.Header
	status int
}

func render(h http.Handler, path string) (*rendered, error) {
	request, err := http.NewRequest(http.MethodGet, path, nil) //nolint:noctx // the request only calls a handler in this process
	if err != nil {
		return nil, err
	}
	r := &rendered{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(r, request)
	if r.status != http.StatusOK {
		return nil, fmt.Errorf("render %s: status %d", path, r.status)
	}
	return r, nil
}

// Header implements http.ResponseWriter.
func (r *rendered) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *rendered) WriteHeader(status int) { r.status = status }
