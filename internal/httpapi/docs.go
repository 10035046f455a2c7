package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5/static"
	"github.com/swaggest/swgui/v5emb"
)

const docsPath = "/docs"

var (
	inlined = regexp.MustCompile(`(?s)<(script|style)>(.*?)</`)
	linked  = regexp.MustCompile(`(?:src|href)="` + docsPath + `/([^"]+)"`)

	//go:embed docs.css
	docsStyle string
	//go:embed docs.js
	docsScript string
)

// registerDocs serves Swagger UI, where a person reads the contract and sends requests to this
// server. The page needs no other host, and its policy forbids requests to any. The redirect is
// temporary, because browsers remember a permanent one for ever.
func registerDocs(r headRouter) error {
	r.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusFound, docsPath) })
	content, err := docsPage()
	if err != nil {
		return err
	}
	page := newFile(echo.MIMETextHTMLCharsetUTF8, content)
	policy := docsPolicy(content)
	for _, path := range []string{docsPath, docsPath + "/"} {
		r.GET(path, func(c echo.Context) error {
			c.Response().Header().Set("Content-Security-Policy", policy)
			c.Response().Header().Set("Referrer-Policy", "no-referrer")
			return page.serve(c)
		})
	}
	for _, link := range linked.FindAllSubmatch(content, -1) {
		asset, err := docsAsset(string(link[1]))
		if err != nil {
			return err
		}
		r.GET(docsPath+"/"+string(link[1]), asset.serve)
	}
	return nil
}

// docsAsset returns a file of the library. Its own handler cannot serve it: it ignores weights
// in Accept-Encoding, has entity tags without quotes, and its errors are not problems.
func docsAsset(name string) (*file, error) {
	mediaType := mime.TypeByExtension(path.Ext(name))
	if gzipped, err := static.FS.ReadFile(name + ".gz"); err == nil {
		return newPackedFile(mediaType, gzipped), nil
	}
	content, err := static.FS.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return newFile(mediaType, content), nil
}

// docsPage returns the HTML of the page.
func docsPage() ([]byte, error) {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "userapi", SwaggerJSON: "/openapi.yaml", BasePath: docsPath,
		AppendHead: template.HTML(`<meta name="viewport" content="width=device-width, initial-scale=1">` + //nolint:gosec // it is embedded, no client's text
			"<style>" + docsStyle + "</style><script>" + docsScript + "</script>"),
		SettingsUI: map[string]string{"plugins": "[SwaggerUIBundle.plugins.DownloadUrl, askOnceForToken]"},
	})
	request, err := http.NewRequest(http.MethodGet, docsPath, nil) //nolint:noctx // the request only calls a handler in this process
	if err != nil {
		return nil, err
	}
	rendered := &page{header: http.Header{}, status: http.StatusOK}
	ui.ServeHTTP(rendered, request)
	if rendered.status != http.StatusOK {
		return nil, fmt.Errorf("render %s: status %d", docsPath, rendered.status)
	}
	return rendered.Bytes(), nil
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

// page records the answer of a handler. It is an http.ResponseWriter.
type page struct {
	bytes.Buffer
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (p *page) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *page) WriteHeader(status int) { p.status = status }
