package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
)

// seedBody is the example from the page that first described the operation, unchanged.
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

// is_active can change from each of true, false and null to each of them, and an update
// without it keeps it. A second connection reads what is stored.
func TestIsActiveHasThreeStates(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	c := s.Client(t, s.Token)
	states := []struct {
		name   string
		value  nullable.Nullable[bool]
		stored *bool
	}{
		{"true", nullable.NewNullableWithValue(true), new(true)},
		{"false", nullable.NewNullableWithValue(false), new(false)},
		{"null", nullable.NewNullNullable[bool](), nil},
	}
	set := func(t *testing.T, want string, stored *bool, body client.UpdateUser) {
		t.Helper()
		answer, err := c.UpdateUserWithResponse(t.Context(), ada.ID.String(), nil, body)
		require.NoError(t, err)
		require.NotNil(t, answer.JSON200, string(answer.Body))
		require.Contains(t, string(answer.Body), `"is_active":`+want)
		require.Equal(t, stored, s.DB.Row(t, ada).IsActive)
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

// Each member takes or refuses absent, null, "", a value and other types as the
// contract says.
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
		others                     map[string]string // values of other types, with the codes of their faults
	}
	strs := map[string]string{`1`: "type", `true`: "type", `[]`: "type", `{}`: "type", `["x"]`: "type", `1e400`: "type"}
	rows := []row{
		{"password", "not_null", "min_length", `"new password"`, before, strs},
		{"enterprise_id", "not_null", "min_length pattern", `"other.Ent_1-2"`, answers("enterprise_id", `"other.Ent_1-2"`), strs},
		{"email", "not_null", "pattern", `"New@example.com"`, answers("email", `"New@example.com"`), strs},
		{"phone", "not_null", "", `"+1 (2) x3"`, answers("phone", `"+1 (2) x3"`), strs},
		{
			"is_active", "", "type", `false`, answers("is_active", "false"),
			map[string]string{`0`: "type", `1`: "type", `"true"`: "type", `"null"`: "type", `[]`: "type", `[null]`: "type", `{}`: "type"},
		},
	}
	for member := range apitest.Contract().Components.Schemas["UpdateUser"].Value.Properties {
		require.True(t, slices.ContainsFunc(rows, func(r row) bool { return r.member == member }), "%s needs a row here", member)
	}
	for _, r := range rows {
		t.Run(r.member, func(t *testing.T) {
			s := apitest.Start(t, apitest.Config{})
			ada := s.CreateUser(t, "ada")
			path := ada.Path()
			require.Equal(t, 200, s.Send(t, "PUT", path, before).Status)
			refused := func(t *testing.T, value, codes string) {
				t.Helper()
				stored := s.DB.State(t)
				answer := s.Send(t, "PUT", path, fmt.Sprintf(`{%q:%s}`, r.member, value))
				require.Equal(t, 422, answer.Status, answer.Body)
				var want []string
				for code := range strings.FieldsSeq(codes) {
					want = append(want, "/"+r.member+" "+code)
				}
				require.Equal(t, want, answer.Faults(t))
				require.Equal(t, stored, s.DB.State(t))
			}
			accepted := func(t *testing.T, value, want string) {
				t.Helper()
				answer := s.Send(t, "PUT", path, fmt.Sprintf(`{%q:%s}`, r.member, value))
				require.Equal(t, 200, answer.Status, answer.Body)
				require.JSONEq(t, want, answer.Body)
			}
			t.Run("absent", func(t *testing.T) {
				stored := s.DB.State(t)
				answer := s.Send(t, "PUT", path, `{}`)
				require.Equal(t, 200, answer.Status)
				require.JSONEq(t, before, answer.Body)
				require.Equal(t, stored, s.DB.State(t))
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
				hash := s.DB.Row(t, ada).PasswordHash
				accepted(t, r.value, r.valueAnswer)
				changed := hash != s.DB.Row(t, ada).PasswordHash
				require.Equal(t, r.member == "password", changed)
			})
			t.Run("the same value is a change", func(t *testing.T) {
				version := s.DB.Row(t, ada).Version
				accepted(t, r.value, r.valueAnswer)
				require.Equal(t, version+1, s.DB.Row(t, ada).Version)
			})
		})
	}
}

// An update without a body, or with an empty one, changes nothing.
func TestNoBodyChangesNothing(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	before, stored := s.Send(t, "GET", ada.Path(), ""), s.DB.State(t)
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
			require.Equal(t, stored, s.DB.State(t))
		})
	}
	stale := s.Send(t, "PUT", ada.Path(), "{}", `If-Match: "7"`)
	require.Equal(t, 412, stale.Status)
}
