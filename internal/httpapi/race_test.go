package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Eight users claim an address at once, each in another letter case. One of them gets it.
// The others learn that it is taken, but not by whom.
func TestClaimsOfOneAddress(t *testing.T) {
	const clients, rounds = 8, 1000
	clock := apitest.NewClock()
	s := apitest.Start(t, apitest.Config{Clock: clock})
	users, tokens := make([]apitest.Person, clients), make([]string, clients)
	for i := range clients {
		users[i] = s.CreateUser(t, fmt.Sprintf("user%d", i))
		tokens[i] = s.CreateToken(t, users[i])
	}
	spelt := func(address string, i int) string {
		letters := []byte(address)
		letters[i] &^= 0x20 // upper case
		return string(letters)
	}
	for round := range rounds {
		if round%10 == 0 {
			clock.Advance(time.Minute) // ten addresses may be taken in a minute
		}
		address := fmt.Sprintf("claimants.%d@example.com", round)
		answers := apitest.AtOnce(clients, func(i int) apitest.Answer {
			return s.Send(t, "PUT", users[i].Path(), fmt.Sprintf(`{"email":%q}`, spelt(address, i)), apitest.Auth(tokens[i]))
		})
		won := 0
		for _, answer := range answers {
			if answer.Status == http.StatusOK {
				won++
				continue
			}
			require.Equal(t, 409, answer.Status, answer.Body)
			requireExample(t, problemExamples(apitest.Contract().Components.Responses["Conflict"].Value)[""], answer)
		}
		require.Equal(t, 1, won)
	}
	changes, addresses := int64(0), map[string]bool{}
	for _, row := range s.DB.Rows(t) {
		changes += row.Version - 1
		if row.Email != "" {
			require.False(t, addresses[strings.ToLower(row.Email)], row.Email)
			addresses[strings.ToLower(row.Email)] = true
		}
	}
	require.EqualValues(t, rounds, changes, "only the winner of each round was changed")
}

// If eight updates and deletions have the same If-Match, one of them succeeds.
func TestOneVersionIsWonOnce(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for range 20 {
		created := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"))
		require.Equal(t, 201, created.Status)
		path := created.Header.Get("Location")
		statuses := apitest.AtOnce(8, func(i int) int {
			if i == 0 {
				return s.Send(t, "DELETE", path, "", `If-Match: "1"`).Status
			}
			return s.Send(t, "PUT", path, `{"phone":"1"}`, `If-Match: "1"`).Status
		})
		counted := map[int]int{}
		for _, status := range statuses {
			counted[status]++
		}
		if counted[204] == 1 {
			require.Equal(t, 7, counted[404]+counted[412], "%v", counted)
			continue
		}
		require.Equal(t, map[int]int{200: 1, 412: 7}, counted)
		require.Equal(t, 204, s.Send(t, "DELETE", path, "").Status)
	}
}

// If eight users are created with one name at the same moment, one of them gets it.
func TestClaimsOfOneName(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for round := range 20 {
		statuses := apitest.AtOnce(8, func(i int) int {
			name := fmt.Sprintf("name%d", round)
			if i%2 == 0 {
				name = strings.ToUpper(name)
			}
			return s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", name)).Status
		})
		require.ElementsMatch(t, []int{201, 409, 409, 409, 409, 409, 409, 409}, statuses)
	}
}
