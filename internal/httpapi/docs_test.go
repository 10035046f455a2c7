package httpapi_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"regexp"
	"strconv"
	"strings"
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
	require.Equal(t, "default-src 'none'; script-src 'self' HASH HASH HASH; style-src 'self' HASH HASH; img-src 'self' data:; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", regexp.MustCompile(`'sha256-[^']*'`).ReplaceAllString(policy, "HASH"))
	for _, inline := range regexp.MustCompile(`(?s)<(?:script|style)>(.*?)</(?:script|style)>`).FindAllStringSubmatch(page.Body, -1) {
		sum := sha256.Sum256([]byte(inline[1]))
		require.Contains(t, policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	links := regexp.MustCompile(`(?:src|href)=["']([^"']*)["']`).FindAllStringSubmatch(page.Body, -1)
	require.GreaterOrEqual(t, len(links), 5)
	for _, link := range links {
		require.Equal(t, 200, s.Send(t, "GET", link[1], "", apitest.NoAuth).Status, link[1])
		require.Equal(t, 405, s.Send(t, "POST", link[1], "{}").Status)
	}
	for _, path := range []string{"/docs/x", "/docs/swagger-ui.js", "/docs/../healthz", "/docs/swagger-ui.css/x", "/docs/static/"} {
		require.Equal(t, 404, s.Send(t, "GET", path, "").Status, path)
	}
}

// The contract and the files of the page are compressed for clients that accept it. Caches may
// keep them, and ask whether they are still valid.
func TestFilesAreCompressedAndCached(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, path := range []string{"/openapi.yaml", "/openapi.json", "/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/favicon-16x16.png"} {
		plain := s.Send(t, "GET", path, "", "Accept-Encoding: identity")
		gzipped := s.Send(t, "GET", path, "", "Accept-Encoding: br, GZIP;q=0.5, *;q=0")
		compressible := path != "/docs/favicon-16x16.png"
		if compressible {
			require.Equal(t, "gzip", gzipped.Header.Get("Content-Encoding"), path)
			require.Equal(t, "Accept-Encoding", plain.Header.Get("Vary"))
			require.Less(t, len(gzipped.Body), len(plain.Body)/2)
			zip, err := gzip.NewReader(strings.NewReader(gzipped.Body))
			require.NoError(t, err)
			content, err := io.ReadAll(zip)
			require.NoError(t, err)
			require.Equal(t, plain.Body, string(content), path)
		}
		require.Equal(t, compressible, plain.Header.Get("ETag") != gzipped.Header.Get("ETag"), path)
		for encoding, answer := range map[string]apitest.Answer{"identity": plain, "gzip": gzipped} {
			tag := answer.Header.Get("ETag")
			require.Regexp(t, `^"[^"]+"$`, tag)
			require.Equal(t, "no-cache", answer.Header.Get("Cache-Control"))
			require.Equal(t, strconv.Itoa(len(answer.Body)), answer.Header.Get("Content-Length"))
			for _, method := range []string{"GET", "HEAD"} {
				send := func(headers ...string) apitest.Answer {
					return s.Send(t, method, path, "", append(headers, "Accept-Encoding: "+encoding)...)
				}
				for _, same := range []string{tag, "W/" + tag, "*", `"x", ` + tag} {
					unchanged := send("If-None-Match: " + same)
					require.Equal(t, 304, unchanged.Status, same)
					require.Empty(t, unchanged.Body)
					for _, name := range []string{"ETag", "Cache-Control", "Vary", "Content-Security-Policy"} {
						require.Equal(t, answer.Header.Get(name), unchanged.Header.Get(name), name)
					}
				}
				require.Equal(t, 304, send(`If-None-Match: "x"`, "If-None-Match: "+tag).Status)
				require.Equal(t, 200, send(`If-None-Match: "x"`).Status)
				require.Equal(t, 200, send("If-Match: "+tag, "Range: bytes=99999999-").Status)
				changed := send("If-Match: W/" + tag)
				require.Equal(t, 412, changed.Status)
				require.Equal(t, "no-store", changed.Header.Get("Cache-Control"))
			}
		}
	}
}

func TestAcceptEncoding(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for accepted, coding := range map[string]string{
		"gzip": "gzip", "deflate, gzip": "gzip", "*": "gzip", "gzip;q=0.001": "gzip", "identity;q=0": "", "x=1": "",
		"gzip;q=0": "", "gzip; Q=0.0": "", "*;q=0": "", "gzip;q=0, *": "", "gzip;q=1, *;q=0": "gzip", "br": "", "": "",
		"identity, gzip;q=0.5": "", "identity;q=0.5, gzip": "gzip", "gzip;q=x": "", "notgzip": "", ",,gzip,": "gzip",
	} {
		answer := s.SendRaw(t, "GET /openapi.yaml HTTP/1.1\nHost: x\nAccept-Encoding: "+accepted, "")
		require.Equal(t, 200, answer.Status)
		require.Equal(t, coding, answer.Header.Get("Content-Encoding"), accepted)
	}
	for _, path := range []string{"/openapi/v1/users", "/openapi/v1/users/1", "/healthz", "/docs/x"} {
		require.Empty(t, s.Send(t, "GET", path, "", "Accept-Encoding: gzip").Header.Get("Content-Encoding"), path)
	}
}

// The address of the server alone leads to the page.
func TestRootRedirects(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, method := range []string{"GET", "HEAD"} {
		answer := s.SendRaw(t, method+" / HTTP/1.1\nHost: x", "")
		require.Equal(t, 302, answer.Status)
		require.Equal(t, "/docs", answer.Header.Get("Location"))
	}
}
