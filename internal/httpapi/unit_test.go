package httpapi_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// An update names only the columns of the members that were sent, and the version, in all
// combinations of members. The database itself tells which columns were named.
func TestOnlyNamedColumnsAreWritten(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	named := s.DB.WatchUpdates(t)
	columns := map[string]string{"password": "password_hash", "phone": "phone phone_folded"} // others have the name of their member
	members := slices.Sorted(maps.Keys(apitest.Contract().Components.Schemas["UpdateUser"].Value.Properties))
	for combination := range 1 << len(members) {
		sent, want := map[string]any{}, []string{}
		for i, member := range members {
			if combination&(1<<i) != 0 {
				sent[member] = differingValues(t, "updateUser", member)[0]
				want = append(want, strings.Fields(cmp.Or(columns[member], member))...)
			}
		}
		if len(want) > 0 {
			want = append(want, "version")
		}
		body, err := json.Marshal(sent)
		require.NoError(t, err)
		answer := s.Send(t, "PUT", ada.Path(), string(body))
		require.Equal(t, 200, answer.Status, answer.Body)
		slices.Sort(want)
		require.Equal(t, strings.Join(want, " "), strings.Join(named(), " "), "members: %s", body)
	}
}

func TestUnnamedColumnChangedInBetweenSurvives(t *testing.T) {
	held := apitest.NewHeldHasher()
	s := apitest.Start(t, apitest.Config{Hasher: held})
	s.DB.InsertPeople(t)
	s.DB.SetActive(t, people.User, nil)
	answer := held.Meanwhile(t, func() apitest.Answer {
		return s.Send(t, "PUT", people.User.Path(), `{"password":"new password","is_active":true}`)
	}, func() { s.DB.SetContact(t, people.User, "2", "ada@example.com") })
	require.Equal(t, 200, answer.Status, answer.Body)
	require.Contains(t, answer.Body, `"email":"ada@example.com"`)
	require.Contains(t, answer.Body, `"is_active":true`)
	require.Contains(t, answer.Body, `"phone":"2"`)
	require.Equal(t, "2", s.DB.Row(t, people.User).Phone)
}

func TestConcurrentUpdatesOfDifferentMembersBothWin(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	const rounds = 50
	bodies := []string{`{"phone":"%d"}`, `{"email":"ada%d@example.com"}`}
	refused := apitest.AtOnce(len(bodies), func(which int) (refused []apitest.Answer) {
		for i := range rounds {
			if answer := s.Send(t, "PUT", ada.Path(), fmt.Sprintf(bodies[which], i)); answer.Status != 200 {
				refused = append(refused, answer)
			}
		}
		return refused
	})
	require.Equal(t, [][]apitest.Answer{nil, nil}, refused)
	row := s.DB.Row(t, ada)
	require.Equal(t, []string{"49", "ada49@example.com"}, []string{row.Phone, row.Email})
	require.Equal(t, fmt.Sprintf(`"%d"`, 1+2*rounds), s.Send(t, "GET", ada.Path(), "").Header.Get("ETag"))
}

// If one write of an update fails, the update changes nothing.
func TestFailedUnitLeavesNothing(t *testing.T) {
	for name, inject := range map[string]func(t testing.TB, db *apitest.Database) (repair func()){
		"audit":  func(t testing.TB, db *apitest.Database) func() { return db.FailInserts(t, "events") },
		"token":  func(t testing.TB, db *apitest.Database) func() { return db.FailDeletes(t, "tokens") },
		"commit": func(t testing.TB, db *apitest.Database) func() { return db.FailCommits(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := apitest.Start(t, apitest.Config{})
			ada := s.CreateUser(t, "ada")
			token := s.CreateToken(t, ada)
			before := s.DB.State(t)
			repair := inject(t, s.DB)
			body := `{"password":"new password","phone":"1","is_active":null}`
			answer := s.Send(t, "PUT", ada.Path(), body)
			require.Equal(t, 500, answer.Status)
			require.NotContains(t, answer.Body, "injected", "the answer does not show the error of the database")
			require.Regexp(t, "injected|FOREIGN KEY", s.Log.String())
			require.Equal(t, before, s.DB.State(t))
			require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status)
			if name != "token" {
				created := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"))
				require.Equal(t, 500, created.Status)
				require.Equal(t, before, s.DB.State(t))
			}

			repair()
			require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), body).Status)
			require.Equal(t, 401, s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status)
		})
	}
}

func TestTakenValues(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"email":"Ada@Example.com"}`).Status)
	before := s.DB.State(t)
	for _, address := range []string{"Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"} {
		answer := s.Send(t, "PUT", bob.Path(), fmt.Sprintf(`{"phone":"1","email":%q}`, address))
		require.Equal(t, 409, answer.Status)
		require.Equal(t, []string{"/email taken"}, answer.Faults(t))
		require.NotContains(t, strings.ToLower(answer.Body), "example.com")
		created := s.Send(t, "POST", "/openapi/v1/users",
			apitest.NewUser("default", "cy", fmt.Sprintf(`"email":%q`, address)))
		require.Equal(t, 409, created.Status)
		require.Equal(t, []string{"/email taken"}, created.Faults(t))
	}
	require.Equal(t, before, s.DB.State(t))
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"email":"ada@example.com"}`).Status, "users can change the letter case of their own address")

	foreign := s.CreateUserIn(t, "other", "ADA")
	answer := s.Send(t, "PUT", foreign.Path(), `{"enterprise_id":"default","phone":"1"}`)
	require.Equal(t, 409, answer.Status)
	require.Equal(t, "nick_name_taken", string(answer.Problem(t).Code))
	require.Equal(t, []string{"/enterprise_id taken"}, answer.Faults(t))
	require.Equal(t, http.StatusOK, s.Send(t, "PUT", foreign.Path(), `{"enterprise_id":"Default"}`).Status)
}
