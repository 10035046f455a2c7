//go:build node

package httpapi_test

import (
	"bufio"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
)

// Prism, which reads the contract too, stands between a client and the server. It passes on
// each request that the contract allows, and finds no fault in any answer.
func TestPrism(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	proxied := s.Behind(t, startPrism(t, s.URL))
	eachOperation(t, func(t *testing.T, method, path string, _ *openapi3.Operation) {
		f := newFuzzed(method, path)
		breakages, passed := f.breakages(), 0
		rapid.Check(t, func(rt *rapid.T) {
			broken := len(breakages) > 0 && rapid.Bool().Draw(rt, "broken")
			g := f.generate(rt, broken)
			if broken {
				rapid.SampledFrom(breakages).Draw(rt, "breakage").Apply(drawn{rt}, &g.Request)
			}
			s.DB.InsertPeopleWhoLogIn(t)
			answer := g.send(t, proxied)
			if answer.Header.Get("X-Request-Id") != "" {
				passed++ // the answer is the server's
				return
			}
			refused := broken && answer.Status < 500
			require.True(rt, refused || limitOfPrism(g, answer), "Prism answers %d %s: %+v", answer.Status, answer.Body, g)
		})
		require.Positive(t, passed)
	})
}

// limitOfPrism reports whether Prism gives this answer because of a limitation of its own:
//
//   - Its format email wants a dot in the domain. RFC 5321 and the contract do not.
//   - If the media type is not TYPE/SUBTYPE, it fails instead of refusing the request.
func limitOfPrism(g generated, answer apitest.Answer) bool {
	email, _ := g.Members["email"].(string)
	_, domain, _ := strings.Cut(email, "@")
	switch answer.Status {
	case 422:
		return email != "" && !strings.Contains(domain, ".") && strings.Count(answer.Body, `"location"`) == 1 &&
			strings.Contains(answer.Body, `must match format \"email\"`)
	case 500:
		return !mediaType.MatchString(g.Headers["Content-Type"]) && answer.Body == `{"error":{"code":"internal_server_error","message":"Internal Server Error"}}`
	}
	return false
}

var mediaType = regexp.MustCompile(`^[A-Za-z]+/[A-Za-z+]+($|;)`)

// startPrism starts Prism in front of a server, and returns its URL. It ends with the test.
func startPrism(t *testing.T, upstream string) string {
	t.Helper()
	prism := exec.CommandContext(t.Context(), "../../.ci/node_modules/.bin/prism", "proxy", "../../openapi.yaml", upstream, "--errors", "--port", "0")
	output, err := prism.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, prism.Start())
	started, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		var log strings.Builder
		lines := bufio.NewReader(output)
		for {
			line, err := lines.ReadString('\n')
			log.WriteString(line)
			if match := listening.FindStringSubmatch(line); match != nil {
				started <- match[1]
				_, _ = io.Copy(io.Discard, lines)
				return
			}
			if err != nil {
				t.Error("Prism did not start: ", log.String())
				started <- ""
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = prism.Process.Kill()
		<-ended
		_ = prism.Wait()
	})
	url := <-started
	require.NotEmpty(t, url)
	return url
}

var listening = regexp.MustCompile(`Prism is listening on (http://\S+)`)
