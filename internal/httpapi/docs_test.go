package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Everyone can read the page. The page loads only files of this server, and its policy allows
// no others.
func TestDocsPage(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	page := s.Send(t, "GET", "/docs", "", apitest.NoAuth)
	require.Equal(t, 200, page.Status)
	require.Equal(t, "text/html; charset=UTF-8", page.Header.Get("Content-Type"))
	require.Equal(t, page.Body, s.Send(t, "GET", "/docs/", "", apitest.NoAuth).Body)
	require.Contains(t, page.Body, `"/openapi.yaml"`)

	require.Contains(t, page.Body, "validatorUrl: null")
	require.Equal(t, "no-referrer", page.Header.Get("Referrer-Policy"))
	policy := page.Header.Get("Content-Security-Policy")
	require.Equal(t, "default-src 'none'; script-src 'self' HASH HASH; style-src 'self' HASH; img-src 'self' data:; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", regexp.MustCompile(`'sha256-[^']*'`).ReplaceAllString(policy, "HASH"))
	for _, inline := range regexp.MustCompile(`(?s)<(?:script|style)>(.*?)</(?:script|style)>`).FindAllStringSubmatch(page.Body, -1) {
		sum := sha256.Sum256([]byte(inline[1]))
		require.Contains(t, policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	links := regexp.MustCompile(`(?:src|href)=["']([^"']*)["']`).FindAllStringSubmatch(page.Body, -1)
	require.GreaterOrEqual(t, len(links), 5)
	for _, link := range links {
		file := s.Send(t, "GET", link[1], "", apitest.NoAuth)
		require.Equal(t, 200, file.Status, link[1])
		require.NotEmpty(t, file.Body)
		for _, method := range []string{"GET", "HEAD"} {
			asked := s.Send(t, method, link[1], "", "Range: bytes=99999999-", `If-Match: "x"`, "Accept-Encoding: gzip;q=0")
			require.Equal(t, 200, asked.Status)
			require.Equal(t, file.Header.Get("Content-Type"), asked.Header.Get("Content-Type"))
			require.Empty(t, asked.Header.Get("ETag")+asked.Header.Get("Content-Encoding"))
		}
		require.Equal(t, 405, s.Send(t, "POST", link[1], "{}").Status)
	}
	for _, path := range []string{"/docs/x", "/docs/swagger-ui.js", "/docs/../healthz", "/docs/swagger-ui.css/x", "/docs/static/"} {
		require.Equal(t, 404, s.Send(t, "GET", path, "").Status, path)
	}
}
