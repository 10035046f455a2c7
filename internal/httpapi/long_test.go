//go:build node && long

// These tests need Java, Ruby, PHP, Python and the files that 'make long-clients' prepares.

package httpapi_test

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

const longClients = "../../.ci/clients/openapi-generator/"

// Each client that openapi-generator generates sends exactly the states that README lists for it, and does the whole job:
// it creates, reads, changes, lists and deletes a user, logs in, and gets one error of each kind.
func TestLongClients(t *testing.T) {
	for name, command := range map[string][]string{
		"go": {"../../bin/clients/openapi-generator"},
		"php, with [a shim](.ci/clients/openapi-generator/main.php) for Guzzle 7 (null in an array)": {"php", longClients + "main.php"},
		"python (null in a `dict`)": {"/usr/bin/python3", "-B", longClients + "main.py"},
		"ruby":                      {"ruby", longClients + "main.rb"},
		"typescript-axios":          {"node", longClients + "dist/main.js"},
	} {
		t.Run(strings.Trim(strings.Fields(name)[0], ","), func(t *testing.T) {
			s := apitest.Start(t, apitest.Config{LogInLimit: 1})
			s.CreateUser(t, "ada")
			wire := s.Wire(t)
			runProgram(t, wire.URL, s.Token, command...)
			requireStates(t, "openapi-generator 4.3.1 "+name, wire.Sent())
			refused := append(slices.Clone(everyRefusal), 429)
			if command[0] == "php" { // this client refuses malformed headers itself
				refused = slices.DeleteFunc(refused, func(status int) bool { return status == 400 })
			}
			requireJob(t, wire.Sent(), refused)
		})
	}
}

// The server passes the tests that specmatic makes from the contract, except those that fail because of specmatic.
func TestSpecmatic(t *testing.T) {
	t.Run("examples", func(t *testing.T) {
		sent := runSpecmatic(t, "false", 60)
		requireStates(t, "specmatic 2.55.1", sent)
	})
	t.Run("generative", func(t *testing.T) { runSpecmatic(t, "true", 5000) })
}

// specmaticReport is what a run of specmatic says.
type specmaticReport struct {
	Tests []struct {
		Name    string            `xml:"name,attr"`
		Failure *specmaticFailure `xml:"failure"` // nil: none
		Error   *specmaticFailure `xml:"error"`   // nil: none
	} `xml:"testcase"`
}

type specmaticFailure struct {
	Type    string `xml:"type,attr"` // of a Java exception
	Message string `xml:"message,attr"`
}

// runSpecmatic fails if there are fewer tests than atLeast, if no test of an operation passes, or if a test fails that is
// not in the list. It returns what specmatic has sent.
func runSpecmatic(t *testing.T, generative string, atLeast int) []apitest.Sent {
	t.Helper()
	jar, err := filepath.Abs(longClients + "node_modules/specmatic/specmatic.jar")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../.ci/clients/specmatic")))
	require.NoError(t, os.Rename(dir+"/dictionary.yaml", dir+"/openapi_dictionary.yaml")) // specmatic finds it by its name
	contract, err := os.ReadFile("../../openapi.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/openapi.yaml", contract, 0o600))

	var mutex sync.Mutex
	var sent []apitest.Sent
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Run("request", func(t *testing.T) {
			requests := serveFresh(t, w, r)
			mutex.Lock()
			defer mutex.Unlock()
			sent = append(sent, requests...)
		})
	}))
	defer proxy.Close()
	program := exec.CommandContext(t.Context(), "java", "-jar", jar, "test", "--testBaseURL="+proxy.URL, "--timeout=600", "--junitReportDir=junit", "openapi.yaml")
	program.Dir = dir
	program.Env = append(os.Environ(), "bearerToken="+anyToken, "bareToken="+anyToken, "SPECMATIC_GENERATIVE_TESTS="+generative)
	output, _ := program.CombinedOutput() // the error says that there are failures, and the report which
	text, err := os.ReadFile(dir + "/junit/TEST-junit-jupiter.xml")
	require.NoError(t, err, string(output))
	var report specmaticReport
	require.NoError(t, xml.Unmarshal(text, &report))
	require.Greater(t, len(report.Tests), atLeast)
	requireKnownFailures(t, report)
	mutex.Lock()
	defer mutex.Unlock()
	return sent
}

// anyToken is what specmatic sends in the place of the token of a server that serveFresh starts.
const anyToken = "TOKEN"

// serveFresh starts a server that has user 2, and forwards a request to it. So no request depends on the ones before it.
func serveFresh(t *testing.T, w http.ResponseWriter, r *http.Request) []apitest.Sent {
	t.Helper()
	s := apitest.Start(t, apitest.Config{})
	if r.Method != http.MethodPost || r.URL.Path != "/openapi/v1/users" { // otherwise the request creates user 2
		ada := s.CreateUser(t, "ada", `"email":"ada@example.com"`)
		if r.Method == http.MethodDelete {
			s.Appoint(t, ada)
			s.Appoint(t, s.CreateUser(t, "bob"))
		}
	}
	wire := s.Wire(t)
	target, err := url.Parse(wire.URL)
	require.NoError(t, err)
	(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		if token := p.In.Header.Get("Authorization"); token != "" {
			p.Out.Header.Set("Authorization", strings.Replace(token, anyToken, s.Token, 1))
		}
	}}).ServeHTTP(w, r)
	return wire.Sent()
}

// requireKnownFailures requires a test of each operation to pass, and each failure to be in the list.
func requireKnownFailures(t *testing.T, report specmaticReport) {
	t.Helper()
	text, err := os.ReadFile("../../.ci/clients/specmatic/failures.txt")
	require.NoError(t, err)
	var known []*regexp.Regexp
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			known = append(known, regexp.MustCompile("(?s)"+line))
		}
	}
	passed, failed := map[string]int{}, 0
	for _, test := range report.Tests {
		_, name, _ := strings.Cut(test.Name, "contractTest() > ")
		failure := cmp.Or(test.Failure, test.Error)
		if failure == nil {
			_, operation, _ := strings.Cut(name, "Scenario: ")
			operation, _, _ = strings.Cut(operation, " -> ")
			passed[strings.ReplaceAll(operation, "(user_id:string)", "{user_id}")]++
			continue
		}
		failed++
		line := name + " failed: " + failure.Type + " " + failure.Message
		assert.True(t, slices.ContainsFunc(known, func(one *regexp.Regexp) bool { return one.MatchString(line) }), line)
	}
	eachOperation(t, func(t *testing.T, method, path string, _ *openapi3.Operation) {
		require.Positive(t, passed[method+" "+path], passed)
	})
	t.Logf("%d tests, %d of them failed because of specmatic", len(report.Tests), failed)
}
