package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/fair"
	"userapi/internal/password"
)

// timedRequest is a request and the times that its answers took.
type timedRequest struct {
	method, path, body, token string
	status                    int
	took                      []time.Duration
}

func (r *timedRequest) send(b *testing.B, url string) {
	request, err := http.NewRequestWithContext(b.Context(), r.method, url+r.path, strings.NewReader(r.body))
	require.NoError(b, err)
	request.Header.Set("Authorization", r.token)
	if r.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	begin := time.Now()
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(b, err)
	_, err = io.Copy(io.Discard, response.Body)
	r.took = append(r.took, time.Since(begin))
	require.NoError(b, err)
	require.NoError(b, response.Body.Close())
	require.Equal(b, r.status, response.StatusCode)
}

// compareTimes sends both requests in turn and reports their median times and the ratio.
func compareTimes(b *testing.B, url string, one, other *timedRequest) {
	for i := range b.N {
		if i%2 == 0 {
			one.send(b, url)
			other.send(b, url)
		} else {
			other.send(b, url)
			one.send(b, url)
		}
	}
	median := func(r *timedRequest) float64 {
		slices.Sort(r.took)
		return float64(r.took[len(r.took)/2])
	}
	b.ReportMetric(median(one)/1e3, "µs-one")
	b.ReportMetric(median(other)/1e3, "µs-other")
	b.ReportMetric(median(one)/median(other), "one/other")
}

// A hidden user (one) takes as long as a user who does not exist (other).
func BenchmarkHiddenAndMissing(b *testing.B) {
	s := apitest.Start(b, apitest.Config{})
	s.DB.InsertPeople(b)
	for _, c := range []struct {
		name, method, path, body string
		actor                    apitest.Person
	}{
		{"get/user", "GET", "/openapi/v1/users/ID", "", people.User},
		{"get/administrator", "GET", "/openapi/v1/users/ID", "", people.Admin},
		{"put", "PUT", "/openapi/v1/users/ID", `{"phone":"1"}`, people.Admin},
		{"put-password", "PUT", "/openapi/v1/users/ID", `{"password":"new password"}`, people.Admin},
		{"delete", "DELETE", "/openapi/v1/users/ID", "", people.Admin},
		{"changepwd", "PUT", "/openapi/v1/users/ID/changepwd", `{"user_id":ID,"password":"new password","password1":"new password"}`, people.Admin},
		{"audit", "GET", "/openapi/v1/users/ID/audit", "", people.Admin},
		{"dismiss", "DELETE", "/openapi/v1/administrators/ID", "", people.Admin},
	} {
		b.Run(c.name, func(b *testing.B) {
			about := func(target apitest.Person) *timedRequest {
				id := target.ID.String()
				return &timedRequest{
					method: c.method, path: strings.ReplaceAll(c.path, "ID", id), body: strings.ReplaceAll(c.body, "ID", id),
					token: c.actor.Token(), status: 404,
				}
			}
			compareTimes(b, s.URL, about(people.ForeignAdmin), about(people.Missing))
		})
	}
}

// A refused log-in takes as long for a known name (one) as for an unknown one (other).
func BenchmarkKnownAndUnknownName(b *testing.B) {
	s := apitest.Start(b, apitest.Config{Hashing: fair.NewGate(1), Hasher: password.NewHasher(password.Params())})
	ada := s.CreateUser(b, "ada")
	require.Equal(b, 200, s.Send(b, "PUT", ada.Path(), `{"email":"ada@example.com"}`).Status)
	for name, usernames := range map[string][2]string{
		"address": {"ada@example.com", "nobody@example.com"},
		"name":    {"default/ada", "default/nobody"},
		"nothing": {"ada@example.com", "ada"},
	} {
		b.Run(name, func(b *testing.B) {
			as := func(username string) *timedRequest {
				return &timedRequest{
					method: "POST", path: "/openapi/v1/auth-token", status: 401,
					body: `{"username":"` + username + `","password":"wrong password"}`,
				}
			}
			compareTimes(b, s.URL, as(usernames[0]), as(usernames[1]))
		})
	}
}

// How long the server takes to read, to write and to refuse, without the network.
func BenchmarkRequest(b *testing.B) {
	s := apitest.Start(b, apitest.Config{})
	ada := s.CreateUser(b, "ada")
	for _, c := range []struct {
		name, method, body string
		status             int
	}{
		{"get", "GET", "", 200},
		{"put", "PUT", `{"is_active":null}`, 200},
		{"put-nothing", "PUT", `{}`, 200},
		{"refuse", "PUT", `{"is_actve":null}`, 422},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequestWithContext(b.Context(), c.method, ada.Path(), strings.NewReader(c.body))
				request.Header.Set("Authorization", "Bearer "+s.Token)
				request.Header.Set("Content-Type", "application/json")
				answer := httptest.NewRecorder()
				s.Handler.ServeHTTP(answer, request)
				require.Equal(b, c.status, answer.Code)
			}
		})
	}
}
