package main

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

const adaPath = "/openapi/v1/users/2"

// preferring changes user 2 with the header Prefer, and with If-Match if it is not empty. The exchange is not in the contract.
func (m *mockServer) preferring(t *testing.T, prefer, body, ifMatch string) (apitest.Answer, error) {
	t.Helper()
	unchecked := *m.server
	unchecked.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	headers := []string{"Prefer: " + prefer}
	if ifMatch != "" {
		headers = append(headers, "If-Match: "+ifMatch)
	}
	return unchecked.attempt(t, rootToken, "PUT", adaPath, body, headers...)
}

// A mock gives the answers that a client prefers, ends connections before and after a change, and keeps a journal of it.
func TestMockPrefersAndRemembers(t *testing.T) {
	m := startMock(t)
	before := m.send(t, rootToken, "GET", adaPath, "")
	answer, err := m.preferring(t, "code=409, problem=last_administrator", `{"is_active":null}`, "")
	require.NoError(t, err)
	require.Equal(t, 409, answer.Status)
	require.Equal(t, "last_administrator", string(answer.Problem(t).Code))
	require.Equal(t, "2", answer.Header.Get("X-Request-Id"), "one count for all requests")
	require.Equal(t, "code=409, problem=last_administrator", answer.Header.Get("Preference-Applied"))
	_, err = m.preferring(t, "drop=before", `{"is_active":false}`, "")
	require.Error(t, err)
	after := m.send(t, rootToken, "GET", adaPath, "")
	require.Equal(t, before.Body+before.Header.Get("ETag"), after.Body+after.Header.Get("ETag"))

	_, err = m.preferring(t, "drop=after", `{"phone":"1","password":"a secret password"}`, before.Header.Get("ETag"))
	require.Error(t, err)
	require.Contains(t, m.send(t, rootToken, "GET", adaPath, "").Body, `"phone":"1"`)
	answer, err = m.preferring(t, "code=418", `{"phone":"1"}`, before.Header.Get("ETag"))
	require.NoError(t, err)
	require.Equal(t, 412, answer.Status, "the first one was done")
	require.NotEmpty(t, answer.Header.Get("Prefer-Ignored"))

	m.reset(t)
	status, journal := m.ops.sendRequest(t, "", "GET", "/requests", "")
	require.Equal(t, 200, status)
	require.Regexp(t, `"number":2,.*"body":"\{\\"is_active\\":null\}".*"is_active":\{"state":"null"\}.*"answer":\{"status":409,"problem":"last_administrator"\},"preference_applied":"code=409, `, journal)
	require.Regexp(t, `"number":3,.*"state":"dropped".*"is_active":\{"state":"value","value":false\}`, journal)
	require.Regexp(t, `"number":5,.*"state":"dropped".*"password":\{"state":"value"\},"phone":\{"state":"value","value":"1"\}.*"answer":\{"status":200\}`, journal)
	require.Regexp(t, `"number":7,.*"problem":"precondition_failed".*"prefer_ignored":\[`, journal)
	for _, secret := range []string{rootToken, "a secret password"} {
		require.NotContains(t, journal, secret)
	}
	status, _ = m.ops.sendRequest(t, "", "DELETE", "/requests", "")
	require.Equal(t, 204, status)
	m.send(t, rootToken, "GET", adaPath, "")
	_, journal = m.ops.sendRequest(t, "", "GET", "/requests", "")
	require.Regexp(t, `^\{"requests":\[\n\{"number":8,.*\}\n\]\}\n$`, journal)
}

// If a signal comes while requests are delayed, the mock ends in time, and the requests have changed nothing.
func TestMockEndsDelays(t *testing.T) {
	m := startMock(t)
	dropped := make(chan error, 1)
	go func() {
		_, err := m.preferring(t, "delay=60000", `{"phone":"1"}`, "")
		dropped <- err
	}()
	apitest.WaitFor(func() bool {
		_, journal := m.ops.sendRequest(t, "", "GET", "/requests", "")
		return len(journal) > 100
	})
	status, log := m.terminate(t)
	require.Equal(t, 0, status, log)
	require.Error(t, <-dropped)
	require.Empty(t, namesIn(t, m.temp))
}

// A reset ends delays, so that the files of the old database are closed. The requests are served.
func TestMockResetEndsDelays(t *testing.T) {
	m := startMock(t)
	answered := make(chan apitest.Answer, 1)
	go func() {
		answer, _ := m.preferring(t, "delay=60000", `{"phone":"1"}`, "")
		answered <- answer
	}()
	apitest.WaitFor(func() bool {
		_, journal := m.ops.sendRequest(t, "", "GET", "/requests", "")
		return len(journal) > 100
	})
	m.reset(t)
	require.Equal(t, 200, (<-answered).Status)
	require.NotContains(t, m.send(t, rootToken, "GET", adaPath, "").Body, `"phone":"1"`)
}

// A page of another site can neither reset the mock nor read the journal, even if its name leads to this machine.
func TestMockRefusesOtherSites(t *testing.T) {
	m := startMock(t)
	m.send(t, rootToken, "PUT", adaPath, `{"phone":"1"}`)
	for _, c := range []struct {
		method, path, header string
		status               int
	}{
		{"POST", "/reset", "Sec-Fetch-Site: cross-site", 403},
		{"POST", "/reset", "Origin: https://evil.example", 403},
		{"DELETE", "/requests", "Origin: https://evil.example", 403},
		{"GET", "/requests", "Host: evil.example:8081", 421},
		{"POST", "/reset", "Host: 127.0.0.1.evil.example", 421},
		{"GET", "/requests", "Host: localhost", 200},
		{"GET", "/requests", "Host: [::1]:8081", 200},
	} {
		answer, err := m.ops.attempt(t, "", c.method, c.path, "", c.header)
		require.NoError(t, err)
		require.Equal(t, c.status, answer.Status, c)
	}
	require.Contains(t, m.send(t, rootToken, "GET", adaPath, "").Body, `"phone":"1"`)
}

// The server itself has neither preferences nor a journal.
func TestServeIgnoresPrefer(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	for _, prefer := range []string{"code=409", "example=undecided", "delay=60000", "drop=before", "drop=after"} {
		answer, err := s.attempt(t, token, "PUT", "/openapi/v1/users/1", `{"phone":"1"}`, "Prefer: "+prefer) // the client checks the headers, too
		require.NoError(t, err)
		require.Equal(t, 200, answer.Status)
	}
	ops := *s
	ops.url, ops.client = s.opsURL(t), http.DefaultClient
	status, _ := ops.sendRequest(t, "", "GET", "/requests", "")
	require.Equal(t, 404, status)
}
