package conform_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/conform"
)

// isCreation reports whether an answer is that to a creation of a user.
func isCreation(answer *http.Response) bool {
	return answer.Request.Method == http.MethodPost && answer.StatusCode == http.StatusCreated && strings.HasSuffix(answer.Request.URL.Path, "/users")
}

var createdID = regexp.MustCompile(`"user_id":[0-9]+`)

// A server that names a user whom the run has not made harms nobody.
func TestBystanderIsKept(t *testing.T) {
	for after := range 3 {
		s := apitest.Start(t, apitest.Config{})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/openapi/v1/users",
			strings.NewReader(`{"nick_name":"bystander","enterprise_id":"elsewhere","password":"correct horse"}`))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+s.Token)
		request.Header.Set("Content-Type", "application/json")
		made, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, made.Body.Close())
		require.Equal(t, http.StatusCreated, made.StatusCode)
		before, creations := s.DB.Rows(t), 0
		require.Len(t, before, 2)
		gateway := startGateway(t, s, func(answer *http.Response) error {
			if !isCreation(answer) {
				return nil
			}
			if creations++; creations <= after*6 {
				return nil
			}
			return rewrite(answer, func(body []byte) []byte { return createdID.ReplaceAll(body, []byte(`"user_id":2`)) })
		})
		report, err := conform.Run(t.Context(), conform.Options{URL: gateway, Token: s.Token, Requests: 300})
		require.NoError(t, err)
		require.NotEmpty(t, report.Faults)
		require.Empty(t, report.Left)
		require.Equal(t, before, s.DB.Rows(t))
	}
}

// A user is removed even if the answer to the first creation is lost or wrong, or the run is stopped then.
func TestFirstUserIsRemoved(t *testing.T) {
	for name, change := range map[string]func(answer *http.Response, stop func()) error{
		"dropped": func(*http.Response, func()) error { panic(http.ErrAbortHandler) },
		"500":     func(answer *http.Response, _ func()) error { answer.StatusCode = 500; return nil },
		"no id": func(answer *http.Response, _ func()) error {
			return rewrite(answer, func(body []byte) []byte { return createdID.ReplaceAll(body, []byte(`"id":1`)) })
		},
		"text": func(answer *http.Response, _ func()) error {
			return rewrite(answer, func(body []byte) []byte { return createdID.ReplaceAll(body, []byte(`"user_id":"x"`)) })
		},
		"stopped": func(_ *http.Response, stop func()) error { stop(); panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			s := apitest.Start(t, apitest.Config{})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			gateway := startGateway(t, s, func(answer *http.Response) error {
				if isCreation(answer) {
					return change(answer, stop)
				}
				return nil
			})
			report, _ := conform.Run(ctx, conform.Options{URL: gateway, Token: s.Token, Requests: 50})
			require.Empty(t, report.Left)
			require.Len(t, s.DB.Rows(t), 1)
		})
	}
}

// The reason why a server cannot be judged has no token, no escape sequence, and is short.
func TestReasonHasNoSecret(t *testing.T) {
	const token = "ua_secret-of-the-owner-0123456789"
	body := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for at := range 30 { // also where the text is cut
			_, _ = fmt.Fprintf(w, "\x1b[31m\u202e%s%s", strings.Repeat("x", at), r.Header.Get("Authorization"))
		}
	}))
	t.Cleanup(body.Close)
	listening, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listening.Close() })
	go func() {
		for {
			connection, err := listening.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Read(make([]byte, 4096))
			_, _ = connection.Write([]byte("HTTP/1.1 200 OK\r\nEcho\x1b " + token + strings.Repeat("x", 5000) + "\r\n\r\n"))
			_ = connection.Close()
		}
	}()
	for _, address := range []string{body.URL, "http://" + listening.Addr().String()} {
		report, err := conform.Run(t.Context(), conform.Options{URL: address, Token: token})
		var refused *conform.CannotJudgeError
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, err.Error(), "ua_s")
		require.NotRegexp(t, "[\x00-\x1f\u202e]", err.Error())
		require.Less(t, len(err.Error()), 2000)
		var junit bytes.Buffer
		require.NoError(t, report.WriteJUnit(&junit))
		require.Contains(t, junit.String(), `errors="1"`)
		require.Contains(t, junit.String(), "<error message=")
	}
}

// A report does not keep long headers.
func TestLongHeaderIsNotKept(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	gateway := startGateway(t, s, func(answer *http.Response) error {
		answer.Header.Set("Cache-Control", strings.Repeat("x", 60<<10))
		return nil
	})
	report, err := conform.Run(t.Context(), conform.Options{URL: gateway, Token: s.Token, Requests: 50})
	require.NoError(t, err)
	require.NotEmpty(t, report.Faults)
	for _, fault := range report.Faults {
		require.Less(t, len(fault.Got), 3000)
	}
	large := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 9<<20))
	}))
	t.Cleanup(large.Close)
	_, err = conform.Run(t.Context(), conform.Options{URL: large.URL, Token: s.Token})
	require.ErrorContains(t, err, "headers exceeded")
}

// What is left is a failure in JUnit's XML, and no character turns the text around.
func TestReportNamesWhatIsLeft(t *testing.T) {
	report := conform.Report{
		Left:       []string{"/openapi/v1/users/7"},
		Faults:     []conform.Fault{{Operation: "getUser", Rule: "a", Got: "\u202ex\u2028"}},
		Operations: []conform.OperationResult{{Operation: "getUser", Faults: 1, Rules: []conform.RuleResult{{Rule: "a", Checks: 1}}}},
	}
	var text, junit bytes.Buffer
	require.NoError(t, report.Print(&text))
	require.NoError(t, report.WriteJUnit(&junit))
	require.Contains(t, junit.String(), `tests="2" failures="2" errors="0"`)
	for _, written := range []string{text.String(), junit.String()} {
		require.Contains(t, written, "/openapi/v1/users/7")
		require.NotRegexp(t, "[\u202e\u2028]", written)
	}
}
