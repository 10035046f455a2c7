package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

func TestPanicIsAnInternalError(t *testing.T) {
	s := apitest.Start(t, apitest.Config{Hasher: apitest.PanickingHasher{}})
	answer := s.Send(t, "POST", "/openapi/v1/users", `{"nick_name":"bob","password":"canary-canary","enterprise_id":"default"}`)
	require.Equal(t, 500, answer.Status)
	require.Equal(t, "internal_error", string(answer.Problem(t).Code))
	log := s.Log.String()
	require.Contains(t, log, "panic: string")
	require.Contains(t, log, "apitest.PanickingHasher.Hash", "the log has the stack")
	require.Contains(t, log, answer.Problem(t).RequestID)
	require.NotContains(t, log, "canary")
	require.Equal(t, 200, s.Send(t, "GET", people.First.Path(), "").Status)
}

func TestBrokenDatabaseIsAnInternalError(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.DB.Break(t)
	for _, method := range []string{"GET", "PUT"} {
		answer := s.Send(t, method, people.First.Path(), "")
		require.Equal(t, 500, answer.Status)
		require.NotContains(t, answer.Body, "table")
	}
	require.Regexp(t, "no such table|does not exist", s.Log.String())
}

// If another process holds the lock for longer than the server waits, writes are 503.
func TestBusyDatabaseIsUnavailable(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	unlock := s.DB.Lock(t)
	answer := s.Send(t, "PUT", ada.Path(), `{"phone":"1"}`)
	require.Equal(t, 503, answer.Status)
	require.Equal(t, "1", answer.Header.Get("Retry-After"))
	require.Equal(t, "unavailable", string(answer.Problem(t).Code))
	require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "").Status, "reads are answered")
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{}`).Status, "an update of nothing writes nothing")
	unlock()
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"phone":"1"}`).Status)
}
