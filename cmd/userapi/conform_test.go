package main

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/conform"
)

// startJudged starts a server and returns it with the file that has its token.
func startJudged(t *testing.T, args ...string) (s *server, dir, tokenFile string) {
	t.Helper()
	dir = t.TempDir()
	s = startServer(t, dir, nil, args...)
	return s, dir, filepath.Join(dir, "userapi.token")
}

// requireNothingLeft requires the database to have user 1 only.
func requireNothingLeft(t *testing.T, dir string) {
	t.Helper()
	var users int
	require.NoError(t, openDatabase(t, dir).QueryRowContext(t.Context(), `SELECT count(*) FROM users`).Scan(&users))
	require.Equal(t, 1, users, "conform removes what it has made")
}

// conform judges the server, prints a table, writes a report, and removes what it has made. It never prints the token.
func TestConform(t *testing.T) {
	s, dir, tokenFile := startJudged(t)
	stdout, stderr, code := runCommand(t, dir, nil, "conform", s.url, "--token-file="+tokenFile, "--requests=150", "--seed=3", "--report=report.xml")
	require.Equal(t, 0, code, stdout+stderr)
	require.Empty(t, stderr)
	require.Regexp(t, `(?m)^getUser +[1-9][0-9]* +[1-9][0-9]* +[1-9][0-9]* +0$`, stdout)
	require.Regexp(t, `1[5-9][0-9] requests, 0 faults\. .* the seed is 3\.`, stdout)
	require.NotContains(t, stdout+stderr, readToken(t, tokenFile))
	requireNothingLeft(t, dir)
	report, err := os.ReadFile(filepath.Join(dir, "report.xml"))
	require.NoError(t, err)
	var suites struct {
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Cases []struct{} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(report, &suites))
	require.Zero(t, suites.Failures)
	require.Greater(t, len(suites.Suites), 10)
}

// The default that the help names is that of the package.
func TestConformDefault(t *testing.T) {
	field, found := reflect.TypeFor[conformCommand]().FieldByName("Requests")
	require.True(t, found)
	require.Equal(t, strconv.Itoa(conform.DefaultRequests), field.Tag.Get("default"))
}

// A server with a fault is status 1, and the fault is printed with a request that shows it.
func TestConformFindsAFault(t *testing.T) {
	s, dir, tokenFile := startJudged(t)
	target, err := url.Parse(s.url)
	require.NoError(t, err)
	gateway := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(answer *http.Response) error { answer.Header.Del("Location"); return nil },
	})
	t.Cleanup(gateway.Close)
	stdout, stderr, code := runCommand(t, dir, nil, "conform", gateway.URL, "--token-file="+tokenFile, "--requests=50", "--seed=5", "--report=report.xml")
	require.Equal(t, 1, code, stdout+stderr)
	require.Contains(t, stdout, "createUser: documented headers (request 3, seen ")
	require.Contains(t, stdout, "curl -i -X POST '"+gateway.URL+`/openapi/v1/users' -H "Authorization: Bearer $TOKEN"`)
	require.Regexp(t, `wanted: the header Location \(openapi\.yaml:[0-9]+\)`, stdout)
	require.Contains(t, stdout, "got:    no Location")
	require.Contains(t, stderr, "--seed=5 --requests=50")
	require.NotContains(t, stdout+stderr, readToken(t, tokenFile))
	requireNothingLeft(t, dir)
	report, err := os.ReadFile(filepath.Join(dir, "report.xml"))
	require.NoError(t, err)
	require.Contains(t, string(report), `<failure message="wanted the header Location`)
}

// Wrong arguments are status 2, and nothing is sent.
func TestConformRefusesWrongArguments(t *testing.T) {
	dir := t.TempDir()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	for name, content := range map[string]string{"token": "secret\n", "empty": "\n", "two": "one two\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{s.URL}, "token-file"},
		{[]string{s.URL, "--token-file=missing"}, "no such file"},
		{[]string{s.URL, "--token-file=empty"}, "has no token"},
		{[]string{s.URL, "--token-file=two"}, "has no token"},
		{[]string{s.URL, "--token-file=token", "--requests=0"}, "--requests"},
		{[]string{s.URL, "--token-file=token", "--report=missing/report.xml"}, "--report"},
		{[]string{"127.0.0.1", "--token-file=token"}, "the URL must be that of a server"},
		{[]string{"http://root:secret@127.0.0.1", "--token-file=token"}, "must not have a user or a password"},
		{[]string{"http://192.0.2.1", "--token-file=token"}, "--this-changes-data"},
		{[]string{"https://example.com", "--token-file=token"}, "--this-changes-data"},
	} {
		_, stderr, code := runCommand(t, dir, nil, append([]string{"conform"}, c.args...)...)
		require.Equal(t, 2, code, c.args)
		require.Contains(t, stderr, c.says)
		require.NotContains(t, stderr, "secret")
	}
	require.Zero(t, asked.Load())
}

// A server that cannot be judged is status 3, and the error says why.
func TestConformCannotJudge(t *testing.T) {
	s, dir, tokenFile := startJudged(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wrong"), []byte("ua_wrong"), 0o600))
	// The token of an ordinary user, that of an administrator, and one of a log-in.
	token := readToken(t, tokenFile)
	for _, body := range []string{adaBody, strings.Replace(adaBody, `"ada"`, `"bob"`, 1)} {
		status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/users", body)
		require.Equal(t, 201, status, answer)
	}
	status, answer := s.sendRequest(t, token, "POST", "/openapi/v1/administrators", `{"user_id":"3","eid":"default"}`)
	require.Equal(t, 201, status, answer)
	for user, file := range map[string]string{"2": "user", "3": "administrator"} {
		made, stderr, code := runCommand(t, dir, nil, "token", "create", "--user="+user, "--name=robot")
		require.Zero(t, code, stderr)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(made), 0o600))
	}
	_, stderr, code := runWithInput(t, dir, "correct horse\n", "user", "create", "--nick-name=root", "--enterprise-id=default", "--system-administrator")
	require.Zero(t, code, stderr)
	status, answer = s.sendRequest(t, "", "POST", "/openapi/v1/auth-token", `{"username":"default/root","password":"correct horse"}`)
	require.Equal(t, 200, status, answer)
	loggedIn := answer[strings.Index(answer, "ua_"):]
	require.NoError(t, os.WriteFile(filepath.Join(dir, "log-in"), []byte(loggedIn[:strings.Index(loggedIn, `"`)]), 0o600))
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hello")) }))
	t.Cleanup(page.Close)

	for _, c := range []struct{ url, file, says string }{
		{"http://127.0.0.1:1", "userapi.token", "there is no server at"},
		{page.URL, "userapi.token", "does not have this contract"},
		{s.url, "wrong", "refuses the token"},
		{s.url, "user", "does not belong to a system administrator"},
		{s.url, "administrator", "does not belong to a system administrator"},
		{s.url, "log-in", "comes from a log-in"},
	} {
		stdout, stderr, code := runCommand(t, dir, nil, "conform", c.url, "--token-file="+c.file, "--requests=50")
		require.Equal(t, 3, code, "%s: %s%s", c.file, stdout, stderr)
		require.Contains(t, stderr, c.says)
		require.NotContains(t, stdout+stderr, token)
	}
	var users int
	require.NoError(t, openDatabase(t, dir).QueryRowContext(t.Context(), `SELECT count(*) FROM users`).Scan(&users))
	require.Equal(t, 4, users)
}

// Ctrl-C ends the run, which removes what it has made.
func TestConformIsInterrupted(t *testing.T) {
	s, dir, tokenFile := startJudged(t)
	target, err := url.Parse(s.url)
	require.NoError(t, err)
	created := make(chan struct{}, 1000)
	gateway := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(answer *http.Response) error {
			if answer.StatusCode == http.StatusCreated {
				created <- struct{}{}
			}
			return nil
		},
	})
	t.Cleanup(gateway.Close)
	c := command(t, dir, nil, "conform", gateway.URL, "--token-file="+tokenFile, "--requests=1000000", "--report=report.xml")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	require.NoError(t, c.Start())
	for range 5 {
		<-created
	}
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
	require.Error(t, c.Wait())
	require.Equal(t, 1, c.ProcessState.ExitCode())
	require.Equal(t, "userapi: interrupted; what the run had made is removed\n", stderr.String())
	requireNothingLeft(t, dir)
	report, err := os.ReadFile(filepath.Join(dir, "report.xml"))
	require.NoError(t, err)
	require.Contains(t, string(report), `<error message="the run was interrupted">`)
}

// A run waits when the server limits its requests.
func TestConformWaits(t *testing.T) {
	s, dir, tokenFile := startJudged(t, "--rate-limit=5")
	stdout, stderr, code := runCommand(t, dir, nil, "conform", s.url, "--token-file="+tokenFile, "--requests=20")
	require.Equal(t, 0, code, stdout+stderr)
	require.Contains(t, s.log.String(), "status=429")
	requireNothingLeft(t, dir)
}
