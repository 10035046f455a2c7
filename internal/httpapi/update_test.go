package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/httpapi/apitest"
)

// seedBody is the example of the page that the operation comes from, letter for letter.
const seedBody = `{
  "password": "stringst",
  "enterprise_id": "string",
  "email": "user@example.com",
  "phone": "string",
  "is_active": true
}`

func TestSeedExample(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	answer := s.Send(t, "PUT", "/openapi/v1/users/2", seedBody)
	require.Equal(t, 200, answer.Status, answer.Body)
	require.JSONEq(t, `{"enterprise_id":"string","email":"user@example.com","phone":"string","is_active":true}`, answer.Body)

	read := s.Send(t, "GET", "/openapi/v1/users/2", "")
	require.Equal(t, 200, read.Status)
	var info map[string]any
	require.NoError(t, json.Unmarshal([]byte(read.Body), &info))
	require.Equal(t, "string", info["enterprise_id"])
	require.Equal(t, "user@example.com", info["email"])
	require.Equal(t, "string", info["phone"])
	require.Equal(t, true, info["is_active"])
	require.NotContains(t, read.Body, "stringst")
	require.Equal(t, `"2"`, read.Header.Get("ETag"))
}

// is_active through all transitions among true, false and null, and absent leaving each
// alone, read from the file by a second connection.
func TestIsActiveHasThreeStates(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	id := s.CreateUser(t, "ada").UserID
	db := s.SQL(t)
	c := s.Client(t, s.Token)
	states := []struct {
		name   string
		value  nullable.Nullable[bool]
		stored string
	}{
		{"true", nullable.NewNullableWithValue(true), "integer 1"},
		{"false", nullable.NewNullableWithValue(false), "integer 0"},
		{"null", nullable.NewNullNullable[bool](), "null NULL"},
	}
	set := func(t *testing.T, want string, stored string, body client.UpdateUser) {
		t.Helper()
		answer, err := c.UpdateUserWithResponse(t.Context(), fmt.Sprint(id), nil, body)
		require.NoError(t, err)
		require.NotNil(t, answer.JSON200, string(answer.Body))
		require.Contains(t, string(answer.Body), `"is_active":`+want)
		require.Equal(t, stored, apitest.Value(t, db,
			`SELECT typeof(is_active) || ' ' || coalesce(is_active, 'NULL') FROM users WHERE id = ?`, id))
		read, err := c.GetUserWithResponse(t.Context(), fmt.Sprint(id), nil)
		require.NoError(t, err)
		require.Contains(t, string(read.Body), `"is_active":`+want)
	}
	phone := "1"
	for _, from := range states {
		for _, to := range states {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				set(t, from.name, from.stored, client.UpdateUser{IsActive: from.value})
				set(t, to.name, to.stored, client.UpdateUser{IsActive: to.value})
				set(t, to.name, to.stored, client.UpdateUser{Phone: &phone})
				set(t, to.name, to.stored, client.UpdateUser{})
			})
		}
	}
}

// The truth table of the contract: 5 members × absent, null, "", a value, other types.
func TestTruthTable(t *testing.T) {
	const before = `{"enterprise_id":"default","email":"old@example.com","phone":"1","is_active":true}`
	answers := func(member, value string) string {
		var state map[string]any
		require.NoError(t, json.Unmarshal([]byte(before), &state))
		state[member] = json.RawMessage(value)
		text, err := json.Marshal(state)
		require.NoError(t, err)
		return string(text)
	}
	type row struct {
		member, null, empty, value string
		valueAnswer                string
		others                     map[string]string // another type and its fault
	}
	strs := map[string]string{`1`: "type", `true`: "type", `[]`: "type", `{}`: "type", `["x"]`: "type", `1e400`: "type"}
	for _, r := range []row{
		{"password", "null", "min_length", `"new password"`, before, strs},
		{"enterprise_id", "null", "min_length pattern", `"other.Ent_1-2"`, answers("enterprise_id", `"other.Ent_1-2"`), strs},
		{"email", "null", "pattern", `"New@example.com"`, answers("email", `"New@example.com"`), strs},
		{"phone", "null", "", `"+1 (2) x3"`, answers("phone", `"+1 (2) x3"`), strs},
		{
			"is_active", "", "type", `false`, answers("is_active", "false"),
			map[string]string{`0`: "type", `1`: "type", `"true"`: "type", `"null"`: "type", `[]`: "type", `[null]`: "type", `{}`: "type"},
		},
	} {
		t.Run(r.member, func(t *testing.T) {
			s := apitest.Start(t, apitest.Config{})
			s.CreateUser(t, "ada")
			const path = "/openapi/v1/users/2"
			require.Equal(t, 200, s.Send(t, "PUT", path, before).Status)
			db := s.SQL(t)
			row := func() string {
				return apitest.Value(t, db, `SELECT concat_ws('|', version, nick_name, enterprise_id, password_hash,
					email, phone, coalesce(is_active, 'NULL')) FROM users WHERE id = 2`)
			}
			refused := func(t *testing.T, value, codes string) {
				t.Helper()
				stored := row()
				answer := s.Send(t, "PUT", path, fmt.Sprintf(`{%q:%s}`, r.member, value))
				require.Equal(t, 422, answer.Status, answer.Body)
				var want []string
				for code := range strings.FieldsSeq(codes) {
					want = append(want, "/"+r.member+" "+code)
				}
				require.Equal(t, want, answer.Faults(t))
				require.Equal(t, stored, row())
			}
			accepted := func(t *testing.T, value, want string) {
				t.Helper()
				answer := s.Send(t, "PUT", path, fmt.Sprintf(`{%q:%s}`, r.member, value))
				require.Equal(t, 200, answer.Status, answer.Body)
				require.JSONEq(t, want, answer.Body)
			}
			t.Run("absent", func(t *testing.T) {
				stored := row()
				answer := s.Send(t, "PUT", path, `{}`)
				require.Equal(t, 200, answer.Status)
				require.JSONEq(t, before, answer.Body)
				require.Equal(t, stored, row())
			})
			t.Run("other type", func(t *testing.T) {
				for value, code := range r.others {
					refused(t, value, code)
				}
			})
			t.Run("null", func(t *testing.T) {
				if r.null != "" {
					refused(t, "null", r.null)
					return
				}
				accepted(t, "null", answers(r.member, "null"))
				accepted(t, "true", before)
			})
			t.Run("empty", func(t *testing.T) {
				if r.empty != "" {
					refused(t, `""`, r.empty)
					return
				}
				accepted(t, `""`, answers(r.member, `""`))
			})
			t.Run("value", func(t *testing.T) {
				hash := apitest.Value(t, db, `SELECT password_hash FROM users WHERE id = 2`)
				accepted(t, r.value, r.valueAnswer)
				changed := hash != apitest.Value(t, db, `SELECT password_hash FROM users WHERE id = 2`)
				require.Equal(t, r.member == "password", changed)
			})
			t.Run("the same value is a change", func(t *testing.T) {
				version := apitest.Value(t, db, `SELECT version + 1 FROM users WHERE id = 2`)
				accepted(t, r.value, r.valueAnswer)
				require.Equal(t, version, apitest.Value(t, db, `SELECT version FROM users WHERE id = 2`))
			})
		})
	}
}

// No body in any spelling is an update of nothing.
func TestNoBodyChangesNothing(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	db := s.SQL(t)
	before := s.Send(t, "GET", "/openapi/v1/users/2", "")
	events := apitest.Value(t, db, `SELECT count(*) FROM events`)
	const line = "PUT /openapi/v1/users/2 HTTP/1.1\nHost: localhost\nAuthorization: TOKEN\n"
	for name, send := range map[string]func(*testing.T) apitest.Answer{
		"no body":   func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Accept: */*", "") },
		"length 0":  func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Content-Length: 0", "") },
		"any type":  func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Content-Type: text/plain", "") },
		"chunked":   func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Transfer-Encoding: chunked", "0\r\n\r\n") },
		"{}":        func(t *testing.T) apitest.Answer { return s.Send(t, "PUT", "/openapi/v1/users/2", "{}") },
		"spaced {}": func(t *testing.T) apitest.Answer { return s.Send(t, "PUT", "/openapi/v1/users/2", " \t{\r\n} ") },
	} {
		t.Run(name, func(t *testing.T) {
			answer := send(t)
			require.Equal(t, 200, answer.Status, answer.Body)
			require.JSONEq(t, `{"enterprise_id":"default","phone":"","is_active":true}`, answer.Body)
			require.Equal(t, before.Header.Get("ETag"), s.Send(t, "GET", "/openapi/v1/users/2", "").Header.Get("ETag"))
			require.Equal(t, events, apitest.Value(t, db, `SELECT count(*) FROM events`))
		})
	}
	stale := s.Send(t, "PUT", "/openapi/v1/users/2", "{}", `If-Match: "7"`)
	require.Equal(t, 412, stale.Status)
}

// The members of the body and the version are the only columns of the statement, in all
// 32 combinations. SQLite itself says which columns it was told to write.
func TestOnlyNamedColumnsAreWritten(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	db := s.SQL(t)
	apitest.Exec(t, db, `CREATE TABLE written (name TEXT)`)
	rows, err := db.QueryContext(t.Context(), `SELECT name FROM pragma_table_info('users')`)
	require.NoError(t, err)
	var columns []string
	for rows.Next() {
		var column string
		require.NoError(t, rows.Scan(&column))
		columns = append(columns, column)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	require.Len(t, columns, 13)
	for _, column := range columns {
		apitest.Exec(t, db, fmt.Sprintf(`CREATE TRIGGER named_%[1]s AFTER UPDATE OF %[1]s ON users
			BEGIN INSERT INTO written VALUES ('%[1]s'); END`, column))
	}
	members := []struct{ column, member string }{
		{"password_hash", `"password":"new password"`},
		{"enterprise_id", `"enterprise_id":"default"`},
		{"email", `"email":"ada@example.com"`},
		{"phone", `"phone":""`},
		{"is_active", `"is_active":null`},
	}
	for combination := range 1 << len(members) {
		var body, want []string
		for i, m := range members {
			if combination&(1<<i) != 0 {
				body, want = append(body, m.member), append(want, m.column)
			}
		}
		if len(want) > 0 {
			want = append(want, "version")
		}
		apitest.Exec(t, db, `DELETE FROM written`)
		answer := s.Send(t, "PUT", "/openapi/v1/users/2", "{"+strings.Join(body, ",")+"}")
		require.Equal(t, 200, answer.Status, answer.Body)
		got := apitest.Value(t, db, `SELECT coalesce(group_concat(name, ' '), '') FROM (SELECT name FROM written ORDER BY name)`)
		slices.Sort(want)
		require.Equal(t, strings.Join(want, " "), got, "combination %b", combination)
	}
}

func TestUnnamedColumnChangedInBetweenSurvives(t *testing.T) {
	held := newHeldHasher()
	s := apitest.Start(t, apitest.Config{Hasher: held})
	db := s.SQL(t)
	apitest.Exec(t, db, `INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, phone, create_time)
		VALUES (1, 'ada', 'ada', 'default', 'user', '1', 0)`)
	answered := make(chan apitest.Answer)
	go func() {
		answered <- s.Send(t, "PUT", "/openapi/v1/users/2", `{"password":"new password","is_active":true}`)
	}()
	held.wait(t)
	apitest.Exec(t, db, `UPDATE users SET phone = '2', email = 'ada@example.com' WHERE id = 2`)
	close(held.release)
	answer := <-answered
	require.Equal(t, 200, answer.Status, answer.Body)
	require.JSONEq(t, `{"enterprise_id":"default","email":"ada@example.com","phone":"2","is_active":true}`, answer.Body)
	require.Equal(t, "2", apitest.Value(t, db, `SELECT phone FROM users WHERE id = 2`))
}

func TestConcurrentUpdatesOfDifferentMembersBothWin(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	const rounds = 50
	done := make(chan struct{}, 2)
	send := func(format string) {
		defer func() { done <- struct{}{} }()
		for i := range rounds {
			if answer := s.Send(t, "PUT", "/openapi/v1/users/2", fmt.Sprintf(format, i)); answer.Status != 200 {
				t.Errorf("%d: %s", answer.Status, answer.Body)
			}
		}
	}
	go send(`{"phone":"%d"}`)
	go send(`{"email":"ada%d@example.com"}`)
	<-done
	<-done
	answer := s.Send(t, "PUT", "/openapi/v1/users/2", "")
	require.JSONEq(t, `{"enterprise_id":"default","email":"ada49@example.com","phone":"49","is_active":true}`, answer.Body)
	require.Equal(t, fmt.Sprintf(`"%d"`, 1+2*rounds), s.Send(t, "GET", "/openapi/v1/users/2", "").Header.Get("ETag"))
}

func TestConditions(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	const path = "/openapi/v1/users/2"
	require.Equal(t, 200, s.Send(t, "PUT", path, `{"phone":"1"}`).Status) // version 2
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
	require.Equal(t, 304, s.Send(t, "GET", path, "", `If-None-Match: "1"`, `If-None-Match: "2"`).Status, "two lines are one list")

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
		`If-Match: ,`:                      400,
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
	require.Equal(t, 400, s.SendRaw(t, "PUT "+path+" HTTP/1.1\nHost: x\nAuthorization: TOKEN\nIf-Match:", "").Status, "empty")
	require.Equal(t, `"2"`, s.Send(t, "GET", path, "").Header.Get("ETag"))

	for _, header := range []string{`If-Match: "2"`, `If-Match: "1" , "3"`, `If-Match: *`, `If-None-Match: "1"`} {
		answer := s.Send(t, "PUT", path, `{"phone":"2"}`, header)
		require.Equal(t, 200, answer.Status, header)
		require.Empty(t, answer.Header.Get("ETag"))
	}
	require.Equal(t, 404, s.Send(t, "PUT", "/openapi/v1/users/9", `{"phone":"2"}`, "If-Match: *").Status)
}

func longTags(n int) string { return strings.TrimSuffix(strings.Repeat(`"1",`, n/4), ",") }

// One writer of eight with the same If-Match wins.
func TestIfMatchHasOneWinner(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	for round := 1; round <= 10; round++ {
		statuses := make(chan int)
		for range 8 {
			go func() {
				statuses <- s.Send(t, "PUT", "/openapi/v1/users/2", `{"phone":"1"}`, fmt.Sprintf(`If-Match: "%d"`, round)).Status
			}()
		}
		counted := map[int]int{}
		for range 8 {
			counted[<-statuses]++
		}
		require.Equal(t, map[int]int{200: 1, 412: 7}, counted)
	}
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
			s.CreateUser(t, "ada")
			token := s.TokenOf(t, 2)
			db := s.SQL(t)
			state := func() string {
				return apitest.Value(t, db, `SELECT concat_ws('|', version, password_hash, phone, coalesce(is_active, 'NULL'),
					(SELECT count(*) FROM tokens), (SELECT count(*) FROM events)) FROM users WHERE id = 2`)
			}
			before := state()
			apitest.Exec(t, db, fault)
			body := `{"password":"new password","phone":"1","is_active":null}`
			answer := s.Send(t, "PUT", "/openapi/v1/users/2", body)
			require.Equal(t, 500, answer.Status)
			require.NotContains(t, answer.Body, "injected", "an answer says nothing of the inside")
			require.Regexp(t, "injected|FOREIGN KEY", s.Log.String())
			require.Equal(t, before, state())
			require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/2", "", "Authorization: "+token).Status)
			if name != "token" {
				created := s.Send(t, "POST", "/openapi/v1/users", `{"nick_name":"bob","password":"correct horse","enterprise_id":"default"}`)
				require.Equal(t, 500, created.Status)
				require.Equal(t, "2", apitest.Value(t, db, `SELECT count(*) FROM users`))
			}

			apitest.Exec(t, db, `DROP TRIGGER fault`)
			require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", body).Status)
			require.Equal(t, 401, s.Send(t, "GET", "/openapi/v1/users/2", "", "Authorization: "+token).Status)
		})
	}
}

func TestTakenValues(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, name := range []string{"ada", "bob"} {
		s.CreateUser(t, name)
	}
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{"email":"Ada@Example.com"}`).Status)
	for _, address := range []string{"Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"} {
		answer := s.Send(t, "PUT", "/openapi/v1/users/3", fmt.Sprintf(`{"phone":"1","email":%q}`, address))
		require.Equal(t, 409, answer.Status)
		require.Equal(t, []string{"/email taken"}, answer.Faults(t))
		require.NotContains(t, strings.ToLower(answer.Body), "example.com")
		created := s.Send(t, "POST", "/openapi/v1/users",
			fmt.Sprintf(`{"nick_name":"cy","password":"correct horse","enterprise_id":"default","email":%q}`, address))
		require.Equal(t, 409, created.Status)
		require.Equal(t, []string{"/email taken"}, created.Faults(t))
	}
	require.JSONEq(t, `{"enterprise_id":"default","phone":"","is_active":true}`, s.Send(t, "PUT", "/openapi/v1/users/3", "").Body)
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{"email":"ada@example.com"}`).Status, "one's own in another letter case")

	moved := s.Send(t, "POST", "/openapi/v1/users", `{"nick_name":"ADA","password":"correct horse","enterprise_id":"other"}`)
	require.Equal(t, 201, moved.Status)
	answer := s.Send(t, "PUT", "/openapi/v1/users/4", `{"enterprise_id":"default","phone":"1"}`)
	require.Equal(t, 409, answer.Status)
	require.Equal(t, "nick_name_taken", string(answer.Problem(t).Code))
	require.Equal(t, []string{"/enterprise_id taken"}, answer.Faults(t))
	require.Equal(t, http.StatusOK, s.Send(t, "PUT", "/openapi/v1/users/4", `{"enterprise_id":"Default"}`).Status)
}
