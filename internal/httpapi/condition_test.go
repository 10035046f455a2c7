package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

func TestConditions(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	path := ada.Path()
	require.Equal(t, 200, s.Send(t, "PUT", path, `{"phone":"1"}`).Status) // raises the version to 2
	for header, status := range map[string]int{
		`If-None-Match: "2"`:                    304,
		`If-None-Match: W/"2"`:                  304,
		`If-None-Match: "1", W/"x", "2" ,`:      304,
		`If-None-Match: *`:                      304,
		`If-None-Match: "1"`:                    200,
		`If-None-Match: "02"`:                   200,
		`If-None-Match: 2`:                      400,
		`If-None-Match: "2`:                     400,
		`If-None-Match: "1" "2"`:                400,
		`If-None-Match: *, "2"`:                 400,
		`If-None-Match: w/"2"`:                  400,
		"If-None-Match: " + longTags(2000):      400,
		`If-Modified-Since: Thu, 01 Jan 1970 2`: 200,
	} {
		answer := s.Send(t, "GET", path, "", header)
		require.Equal(t, status, answer.Status, header)
		if status != 400 {
			require.Equal(t, `"2"`, answer.Header.Get("ETag"))
		}
		if status == 304 {
			require.Empty(t, answer.Body)
		}
		require.Equal(t, status, s.Send(t, "HEAD", path, "", header).Status, header)
	}
	require.Equal(t, 304, s.Send(t, "GET", path, "", `If-None-Match: "1"`, `If-None-Match: "2"`).Status, "two lines of a header are one list")

	for header, status := range map[string]int{
		`If-Match: "1"`:                    412,
		`If-Match: W/"2"`:                  412,
		`If-Match: "x"`:                    412,
		`If-Match: "02"`:                   412,
		`If-Match: "é"`:                    412,
		`If-Match: 2`:                      400,
		`If-Match: "2",*`:                  400,
		`If-Match: nonsense`:               400,
		`If-Match: "2" , "1`:               400,
		`If-Match: ,`:                      412,
		`If-Match: "99999999999999999999"`: 412,
		`If-None-Match: *`:                 412,
		`If-None-Match: "1", W/"2"`:        412,
		`If-None-Match: nonsense`:          400,
	} {
		answer := s.Send(t, "PUT", path, `{"phone":"never"}`, header)
		require.Equal(t, status, answer.Status, header)
		if status == 400 {
			require.Equal(t, "malformed_header", string(answer.Problem(t).Code))
		}
	}
	require.Equal(t, 412, s.SendRaw(t, "PUT "+path+" HTTP/1.1\nHost: x\nAuthorization: TOKEN\nIf-Match:", "").Status, "an empty list")
	require.Equal(t, `"2"`, s.Send(t, "GET", path, "").Header.Get("ETag"))

	for _, header := range []string{`If-Match: "2"`, `If-Match: "1" , "3"`, `If-Match: *`, `If-None-Match: "1"`} {
		answer := s.Send(t, "PUT", path, `{"phone":"2"}`, header)
		require.Equal(t, 200, answer.Status, header)
		require.Empty(t, answer.Header.Get("ETag"))
	}
	require.Equal(t, 404, s.Send(t, "PUT", people.Missing.Path(), `{"phone":"2"}`, "If-Match: *").Status)
}

func longTags(n int) string { return strings.TrimSuffix(strings.Repeat(`"1",`, n/4), ",") }

// If eight writers send the same If-Match at once, one of them succeeds.
func TestIfMatchHasOneWinner(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	for round := 1; round <= 10; round++ {
		statuses := apitest.AtOnce(8, func(int) int {
			return s.Send(t, "PUT", ada.Path(), `{"phone":"1"}`, fmt.Sprintf(`If-Match: "%d"`, round)).Status
		})
		require.ElementsMatch(t, []int{200, 412, 412, 412, 412, 412, 412, 412}, statuses)
	}
}
