package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
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
	ada := s.CreateUser(t, "ada")
	answer := s.Send(t, "PUT", ada.Path(), seedBody)
	require.Equal(t, 200, answer.Status, answer.Body)
	require.JSONEq(t, `{"enterprise_id":"string","email":"user@example.com","phone":"string","is_active":true}`, answer.Body)

	read := s.Send(t, "GET", ada.Path(), "")
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
	ada := s.CreateUser(t, "ada")
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
		answer, err := c.UpdateUserWithResponse(t.Context(), ada.ID.String(), nil, body)
		require.NoError(t, err)
		require.NotNil(t, answer.JSON200, string(answer.Body))
		require.Contains(t, string(answer.Body), `"is_active":`+want)
		require.Equal(t, stored, apitest.Value(t, db,
			`SELECT typeof(is_active) || ' ' || coalesce(is_active, 'NULL') FROM users WHERE id = ?`, ada.ID))
		read, err := c.GetUserWithResponse(t.Context(), ada.ID.String(), nil)
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
			ada := s.CreateUser(t, "ada")
			path := ada.Path()
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
	ada := s.CreateUser(t, "ada")
	db := s.SQL(t)
	before := s.Send(t, "GET", ada.Path(), "")
	events := apitest.Value(t, db, `SELECT count(*) FROM events`)
	line := "PUT " + ada.Path() + " HTTP/1.1\nHost: localhost\nAuthorization: TOKEN\n"
	for name, send := range map[string]func(*testing.T) apitest.Answer{
		"no body":   func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Accept: */*", "") },
		"length 0":  func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Content-Length: 0", "") },
		"any type":  func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Content-Type: text/plain", "") },
		"chunked":   func(t *testing.T) apitest.Answer { return s.SendRaw(t, line+"Transfer-Encoding: chunked", "0\r\n\r\n") },
		"{}":        func(t *testing.T) apitest.Answer { return s.Send(t, "PUT", ada.Path(), "{}") },
		"spaced {}": func(t *testing.T) apitest.Answer { return s.Send(t, "PUT", ada.Path(), " \t{\r\n} ") },
	} {
		t.Run(name, func(t *testing.T) {
			answer := send(t)
			require.Equal(t, 200, answer.Status, answer.Body)
			require.JSONEq(t, `{"enterprise_id":"default","phone":"","is_active":true}`, answer.Body)
			require.Equal(t, before.Header.Get("ETag"), s.Send(t, "GET", ada.Path(), "").Header.Get("ETag"))
			require.Equal(t, events, apitest.Value(t, db, `SELECT count(*) FROM events`))
		})
	}
	stale := s.Send(t, "PUT", ada.Path(), "{}", `If-Match: "7"`)
	require.Equal(t, 412, stale.Status)
}
