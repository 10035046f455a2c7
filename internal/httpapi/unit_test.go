package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// The members of the body and the version are the only columns of the statement, in all
// 32 combinations. SQLite itself says which columns it was told to write.
func TestOnlyNamedColumnsAreWritten(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	db := s.SQL(t)
	apitest.Exec(t, db, `CREATE TABLE written (name TEXT)`)
	columns := strings.Fields(apitest.Value(t, db, `SELECT group_concat(name, ' ') FROM pragma_table_info('users')`))
	require.Len(t, columns, 14)
	for _, column := range columns {
		apitest.Exec(t, db, fmt.Sprintf(`CREATE TRIGGER named_%[1]s AFTER UPDATE OF %[1]s ON users
			BEGIN INSERT INTO written VALUES ('%[1]s'); END`, column))
	}
	members := []struct{ columns, member string }{
		{"password_hash", `"password":"new password"`},
		{"enterprise_id", `"enterprise_id":"default"`},
		{"email", `"email":"ada@example.com"`},
		{"phone phone_folded", `"phone":""`},
		{"is_active", `"is_active":null`},
	}
	for combination := range 1 << len(members) {
		var body, want []string
		for i, m := range members {
			if combination&(1<<i) != 0 {
				body, want = append(body, m.member), append(want, strings.Fields(m.columns)...)
			}
		}
		if len(want) > 0 {
			want = append(want, "version")
		}
		apitest.Exec(t, db, `DELETE FROM written`)
		answer := s.Send(t, "PUT", ada.Path(), "{"+strings.Join(body, ",")+"}")
		require.Equal(t, 200, answer.Status, answer.Body)
		got := apitest.Value(t, db, `SELECT coalesce(group_concat(name, ' '), '') FROM (SELECT name FROM written ORDER BY name)`)
		slices.Sort(want)
		require.Equal(t, strings.Join(want, " "), got, "combination %b", combination)
	}
}

func TestUnnamedColumnChangedInBetweenSurvives(t *testing.T) {
	held := apitest.NewHeldHasher()
	s := apitest.Start(t, apitest.Config{Hasher: held})
	db := s.SQL(t)
	insertUser(t, db, "NULL")
	answer := held.Meanwhile(t, func() apitest.Answer {
		return s.Send(t, "PUT", people.User.Path(), `{"password":"new password","is_active":true}`)
	}, func() {
		apitest.Exec(t, db, `UPDATE users SET phone = '2', email = 'ada@example.com' WHERE id = 2`)
	})
	require.Equal(t, 200, answer.Status, answer.Body)
	require.JSONEq(t, `{"enterprise_id":"default","email":"ada@example.com","phone":"2","is_active":true}`, answer.Body)
	require.Equal(t, "2", apitest.Value(t, db, `SELECT phone FROM users WHERE id = 2`))
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
	answer := s.Send(t, "PUT", ada.Path(), "")
	require.JSONEq(t, `{"enterprise_id":"default","email":"ada49@example.com","phone":"49","is_active":true}`, answer.Body)
	require.Equal(t, fmt.Sprintf(`"%d"`, 1+2*rounds), s.Send(t, "GET", ada.Path(), "").Header.Get("ETag"))
}

// All or nothing: with a fault in one of its writes, an update leaves nothing behind.
func TestFailedUnitLeavesNothing(t *testing.T) {
	for name, fault := range map[string]string{
		"audit": `CREATE TRIGGER fault BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'injected'); END`,
		"token": `CREATE TRIGGER fault BEFORE DELETE ON tokens BEGIN SELECT RAISE(ABORT, 'injected'); END`,
		"commit": `CREATE TABLE injected (id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED);
			CREATE TRIGGER fault AFTER INSERT ON events BEGIN INSERT INTO injected VALUES (99); END`,
	} {
		t.Run(name, func(t *testing.T) {
			s := apitest.Start(t, apitest.Config{})
			ada := s.CreateUser(t, "ada")
			token := s.CreateToken(t, ada)
			db := s.SQL(t)
			state := func() string {
				return apitest.Value(t, db, `SELECT concat_ws('|', version, password_hash, phone, coalesce(is_active, 'NULL'),
					(SELECT count(*) FROM tokens), (SELECT count(*) FROM events)) FROM users WHERE id = 2`)
			}
			before := state()
			apitest.Exec(t, db, fault)
			body := `{"password":"new password","phone":"1","is_active":null}`
			answer := s.Send(t, "PUT", ada.Path(), body)
			require.Equal(t, 500, answer.Status)
			require.NotContains(t, answer.Body, "injected", "an answer says nothing of the inside")
			require.Regexp(t, "injected|FOREIGN KEY", s.Log.String())
			require.Equal(t, before, state())
			require.Equal(t, 200, s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status)
			if name != "token" {
				created := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob"))
				require.Equal(t, 500, created.Status)
				require.Equal(t, "2", apitest.Value(t, db, `SELECT count(*) FROM users`))
			}

			apitest.Exec(t, db, `DROP TRIGGER fault`)
			require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), body).Status)
			require.Equal(t, 401, s.Send(t, "GET", ada.Path(), "", apitest.Auth(token)).Status)
		})
	}
}

func TestTakenValues(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"email":"Ada@Example.com"}`).Status)
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
	require.JSONEq(t, `{"enterprise_id":"default","phone":"","is_active":true}`, s.Send(t, "PUT", bob.Path(), "").Body)
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{"email":"ada@example.com"}`).Status, "one's own in another letter case")

	foreign := s.CreateUserIn(t, "other", "ADA")
	answer := s.Send(t, "PUT", foreign.Path(), `{"enterprise_id":"default","phone":"1"}`)
	require.Equal(t, 409, answer.Status)
	require.Equal(t, "nick_name_taken", string(answer.Problem(t).Code))
	require.Equal(t, []string{"/enterprise_id taken"}, answer.Faults(t))
	require.Equal(t, http.StatusOK, s.Send(t, "PUT", foreign.Path(), `{"enterprise_id":"Default"}`).Status)
}
