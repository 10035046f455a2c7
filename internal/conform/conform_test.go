package conform_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/conform"
)

// The server itself has no faults, and nothing of a run is left.
func TestServerConforms(t *testing.T) {
	for seed := range uint64(serverSeeds) {
		s := apitest.Start(t, apitest.Config{})
		before := s.DB.Rows(t)
		report, err := conform.Run(t.Context(), conform.Options{URL: s.URL, Token: s.Token, Seed: seed})
		require.NoError(t, err)
		require.Empty(t, report.Left)
		require.Equal(t, before, s.DB.Rows(t))
		var text strings.Builder
		require.NoError(t, report.Print(&text))
		require.Empty(t, report.Faults, text.String())
		require.GreaterOrEqual(t, report.Requests, conform.DefaultRequests)
		for _, operation := range report.Operations {
			require.Greater(t, operation.Requests, 4, operation.Operation)
			require.True(t, operation.Succeeded > 1 || operation.Operation == "", operation.Operation)
		}
	}
}

// A run with the same seed sends the same requests, apart from tokens.
func TestSeedRepeatsTheRequests(t *testing.T) {
	sent := func(seed uint64) (lines []string) {
		s := apitest.Start(t, apitest.Config{})
		wire := s.Wire(t)
		_, err := conform.Run(t.Context(), conform.Options{URL: wire.URL, Token: s.Token, Requests: 400, Seed: seed})
		require.NoError(t, err)
		for _, request := range wire.Sent() {
			lines = append(lines, request.Method+" "+request.Path+" "+request.Body)
		}
		return lines
	}
	first := sent(7)
	require.Greater(t, len(first), 400)
	require.Equal(t, first, sent(7))
	require.NotEqual(t, first, sent(8))
}

// startGateway starts a gateway that changes the answers of a server.
func startGateway(t *testing.T, s *apitest.Server, change func(*http.Response) error) string {
	t.Helper()
	target, err := url.Parse(s.URL)
	require.NoError(t, err)
	gateway := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      &http.Transport{DisableCompression: true},
		ModifyResponse: change,
	})
	t.Cleanup(gateway.Close)
	return gateway.URL
}

// rewrite replaces the body of an answer.
func rewrite(answer *http.Response, change func([]byte) []byte) error {
	body, err := io.ReadAll(answer.Body)
	body = change(body)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Del("Content-Length")
	return err
}

// A fault says what was sent, what was wanted and where the contract says so, and what came. It has no secret.
func TestFaultIsExplained(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	gateway := startGateway(t, s, func(answer *http.Response) error {
		if answer.Request.Method != http.MethodPost || !strings.HasSuffix(answer.Request.URL.Path, "/users") {
			return nil
		}
		return rewrite(answer, func(body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"is_active":true`), []byte(`"is_active":false`))
		})
	})
	report, err := conform.Run(t.Context(), conform.Options{URL: gateway, Token: s.Token, Requests: 100})
	require.NoError(t, err)
	require.NotEmpty(t, report.Faults)
	fault := report.Faults[0]
	require.Equal(t, "createUser", fault.Operation)
	require.Equal(t, "is_active is true", fault.Wanted)
	require.Equal(t, "is_active is false", fault.Got)
	require.Equal(t, 3, fault.Request)
	require.Positive(t, fault.Line)
	require.Contains(t, fault.Curl, `curl -i -X POST '`+gateway+`/openapi/v1/users' -H "Authorization: Bearer $TOKEN"`)
	require.Contains(t, fault.Curl, `"password":"********"`)
	var text, junit bytes.Buffer
	require.NoError(t, report.Print(&text))
	require.NoError(t, report.WriteJUnit(&junit))
	for _, written := range []string{text.String(), junit.String()} {
		require.NotContains(t, written, s.Token)
		require.NotContains(t, written, "correct horse")
	}
	require.Contains(t, text.String(), "the seed is 0")
	require.Len(t, s.DB.Rows(t), 1, "the run removes what it has made")
}

// If a server repeats a password, the report says so and does not repeat it.
func TestRepeatedPasswordIsNotPrinted(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	gateway := startGateway(t, s, func(answer *http.Response) error {
		if answer.Request.Method != http.MethodPost || answer.StatusCode != http.StatusCreated || !strings.HasSuffix(answer.Request.URL.Path, "/users") {
			return nil
		}
		return rewrite(answer, func(body []byte) []byte {
			return regexp.MustCompile(`"first-([0-9a-f]+)"`).ReplaceAll(body, []byte(`"correct horse $1"`))
		})
	})
	report, err := conform.Run(t.Context(), conform.Options{URL: gateway, Token: s.Token, Requests: 40})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.Print(&text))
	require.Contains(t, text.String(), "createUser: no answer has a password")
	require.Contains(t, text.String(), "nick_name is \"********\"")
	require.NotContains(t, text.String(), "correct horse")
}

// The report is XML whatever a server answers.
func TestReportIsWellFormed(t *testing.T) {
	report := conform.Report{
		Faults: []conform.Fault{{Operation: "getUser", Rule: "a < b", Curl: "curl '\x00\xff'", Wanted: `"<&>]]>`, Got: "\x00\x1b[31m\xff\ufffe]]>"}},
		Operations: []conform.OperationResult{
			{Operation: "getUser", Faults: 1, Rules: []conform.RuleResult{{Rule: "a < b", Checks: 1}, {Rule: "c", Checks: 2}}},
		},
	}
	var junit bytes.Buffer
	require.NoError(t, report.WriteJUnit(&junit))
	decoder, elements := xml.NewDecoder(&junit), 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok && (start.Name.Local == "testcase" || start.Name.Local == "failure") {
			elements++
		}
	}
	require.Equal(t, 3, elements)
	var text strings.Builder
	require.NoError(t, report.Print(&text))
	require.NotRegexp(t, regexp.MustCompile("[\x00\x1b]"), text.String())
}

// The token goes to no other host.
func TestRedirectIsNotFollowed(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(elsewhere.Close)
	s := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/openapi/v1/users", http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	_, err := conform.Run(t.Context(), conform.Options{URL: s.URL, Token: "x"})
	var refused *conform.CannotJudgeError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "307")
	require.False(t, asked)
}

// A server that limits requests is waited for, and its limits are no faults.
func TestLimitsAreWaitedFor(t *testing.T) {
	s := apitest.Start(t, apitest.Config{RateLimit: 20})
	report, err := conform.Run(t.Context(), conform.Options{URL: s.URL, Token: s.Token, Requests: 60})
	require.NoError(t, err)
	require.Empty(t, report.Faults)
	require.Contains(t, s.Log.String(), `"status":429`)
	require.Len(t, s.DB.Rows(t), 1)
}

// Only hosts that are certainly this machine are loopback.
func TestIsLoopback(t *testing.T) {
	for address, loopback := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://127.9.9.9": true, "https://localhost:1": true, "http://[::1]:80": true,
		"http://10.0.0.1": false, "http://example.com": false, "http://localhost.example.com": false, "http://0.0.0.0": false,
		"http://127.0.0.1@example.com": false, "http://[::ffff:127.0.0.1]": true,
	} {
		require.Equal(t, loopback, conform.IsLoopback(address), address)
	}
	for _, wrong := range []string{"", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://x?y", "http://x#y", "http://root:secret@x"} {
		require.Error(t, conform.CheckURL(wrong), wrong)
	}
	require.NoError(t, conform.CheckURL("https://example.com/base/"))
}
