package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
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

// Conditions name the version of the user in every operation on one user. An operation that is
// refused writes nothing. The audit has no version, so it ignores conditions.
func TestEveryOperationOnAUserTakesConditions(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		isOfUser := strings.Contains(path, "{user_id}") && op.OperationID != "listUserEvents"
		for _, name := range []string{"If-Match", "If-None-Match"} {
			require.Equal(t, isOfUser, op.Parameters.GetByInAndName("header", name) != nil, name)
		}
		f := newFuzzed(method, path)
		send := func(t *testing.T, method, header string) (answer apitest.Answer, written bool) {
			t.Helper()
			s.DB.InsertPeopleWhoLogIn(t)
			before, g := s.DB.State(t), f.example()
			g.Method = method
			if header != "" {
				name, value, _ := strings.Cut(header, ": ")
				g.Headers[name] = value
			}
			answer = g.send(t, s)
			return answer, s.DB.State(t) != before
		}
		plain, writes := send(t, method, "")
		reads := method == "GET"
		for header, failed := range map[string]int{
			`If-Match: "1"`:            0,
			`If-Match: *`:              0,
			`If-Match: "7", "1" ,`:     0,
			`If-Match: "2"`:            412,
			`If-Match: W/"1"`:          412,
			`If-Match: "zzz"`:          412,
			`If-Match: "01", "+1", ""`: 412,
			`If-Match: ,`:              412,
			`If-Match: 1`:              400,
			`If-Match: "1" "1"`:        400,
			`If-Match: *, "1"`:         400,
			`If-None-Match: "2"`:       0,
			`If-None-Match: ,`:         0,
			`If-None-Match: W/"zzz"`:   0,
			`If-None-Match: W/"1"`:     412,
			`If-None-Match: *`:         412,
			`If-None-Match: 1`:         400,
		} {
			want := plain.Status
			if isOfUser && failed != 0 {
				want = failed
			}
			if reads && want == 412 && strings.HasPrefix(header, "If-None-Match") {
				want = 304
			}
			answer, written := send(t, method, header)
			require.Equal(t, want, answer.Status, "%s: %s", header, answer.Body)
			require.Equal(t, writes && want < 300, written, header)
			if want == 412 {
				require.Equal(t, "precondition_failed", string(answer.Problem(t).Code))
			}
			if reads {
				head, _ := send(t, "HEAD", header)
				require.Equal(t, want, head.Status, "HEAD with %s", header)
			}
		}
	})
}

// An empty header is an empty list: no version is in it (RFC 9110 §5.6.1.2).
func TestEmptyConditions(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, line := range []string{"GET /users/4", "HEAD /users/4", "PUT /users/4", "PUT /users/4/changepwd", "DELETE /administrators/4", "DELETE /users/4"} {
		method, path, _ := strings.Cut(line, " ")
		body, media := "", ""
		if strings.HasSuffix(path, "/changepwd") {
			body = people.Admin.NewPassword("battery staple")
			media = fmt.Sprintf("\nContent-Type: application/json\nContent-Length: %d", len(body))
		}
		for _, empty := range []string{"", " ", "\t", " , ,"} {
			s.DB.InsertPeople(t)
			before := s.DB.State(t)
			head := fmt.Sprintf("%s /openapi/v1%s HTTP/1.1\nHost: x\nAuthorization: TOKEN%s\n", method, path, media)
			require.Equal(t, 412, s.SendRaw(t, head+"If-Match:"+empty, body).Status, line)
			require.Equal(t, 412, s.SendRaw(t, head+"If-None-Match:\nIf-Match:"+empty, body).Status, line)
			require.Equal(t, before, s.DB.State(t))
			require.Less(t, s.SendRaw(t, head+"If-None-Match:"+empty, body).Status, 300, line)
		}
	}
}

// If the user has a newer version and also a version that If-None-Match names, If-Match decides
// (RFC 9110 §13.2.2).
func TestIfMatchComesFirst(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	require.Equal(t, 412, s.Send(t, "GET", ada.Path(), "", `If-Match: "2"`, `If-None-Match: "1"`).Status)
	require.Equal(t, 304, s.Send(t, "GET", ada.Path(), "", `If-Match: "1"`, `If-None-Match: "1"`).Status)
	require.Equal(t, 404, s.Send(t, "GET", people.Missing.Path(), "", `If-Match: "1"`).Status)
	require.Equal(t, 404, s.Send(t, "DELETE", ada.AdministratorPath(), "", `If-Match: "2"`).Status, "the user is no administrator")
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
