package mock_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"userapi/internal/contract"
	"userapi/internal/directory"
	"userapi/internal/mock"
)

// object is a JSON object.
type object = map[string]any

// schema returns a part of seed.schema.json.
func schema(t *testing.T, path ...string) object {
	t.Helper()
	text, err := os.ReadFile("seed.schema.json")
	require.NoError(t, err)
	var part object
	require.NoError(t, json.Unmarshal(text, &part))
	for _, name := range path {
		part = part[name].(object)
	}
	return part
}

func parse(t *testing.T, seed any) (mock.Seed, []string) {
	t.Helper()
	text, isText := seed.(string)
	if !isText {
		marshalled, err := json.Marshal(seed)
		require.NoError(t, err)
		text = string(marshalled)
	}
	parsed, faults, err := mock.ParseSeed([]byte(text))
	require.NoError(t, err)
	listed := []string{}
	for _, f := range faults {
		listed = append(listed, f.String())
	}
	return parsed, listed
}

// Where the contract has a rule for a member, the schema has the same one.
func TestSchemaHasTheRulesOfTheContract(t *testing.T) {
	c, err := contract.Load()
	require.NoError(t, err)
	rules := func(described object) object {
		found := object{}
		for _, keyword := range []string{"type", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "x-form"} {
			if value, ok := described[keyword]; ok && value != "int32" {
				found[keyword] = value
			}
		}
		return found
	}
	users, tokens := schema(t, "properties", "users", "items", "properties"), schema(t, "properties", "tokens", "items", "properties")
	for name, described := range map[string]any{
		"UserId": users["user_id"], "NickName": users["nick_name"], "Password": users["password"], "EnterpriseId": users["enterprise_id"], "Email": users["email"], "Phone": users["phone"],
	} {
		text, err := json.Marshal(c.Document().Components.Schemas[name].Value)
		require.NoError(t, err)
		var want object
		require.NoError(t, json.Unmarshal(text, &want))
		require.Equal(t, rules(want), rules(described.(object)), name)
	}
	require.Equal(t, rules(users["user_id"].(object)), rules(tokens["user_id"].(object)))
	roles := []any{}
	for _, role := range directory.Roles() {
		roles = append(roles, string(role))
	}
	require.Equal(t, roles, users["role"].(object)["enum"])
}

// fullSeed names every member of the schema, with a value that is not its default.
func fullSeed() object {
	return object{
		"now": "2030-01-02T03:04:05.6Z",
		"users": []any{object{
			"user_id": 7, "nick_name": "ada", "password": "correct horse", "enterprise_id": "other", "email": "ada@example.com", "phone": "1",
			"is_active": false, "role": "administrator", "create_time": "2020-01-01T00:00:00Z",
		}},
		"tokens": []any{object{"user_id": 7, "name": "ci", "token": strings.Repeat("t", 32), "expires_at": "2031-01-01T00:00:00Z"}},
	}
}

// Each member of the schema has an effect, each field has a member, and the defaults are those of the schema.
func TestSchemaAndCodeAgree(t *testing.T) {
	full, faults := parse(t, fullSeed())
	require.Empty(t, faults)
	for _, value := range []any{full, full.Users[0], full.Tokens[0]} {
		for i := range reflect.ValueOf(value).NumField() {
			require.False(t, reflect.ValueOf(value).Field(i).IsZero(), "%T.%s has no member", value, reflect.TypeOf(value).Field(i).Name)
		}
	}
	require.Equal(t, time.Date(2030, 1, 2, 3, 4, 5, 600e6, time.UTC), full.Now)
	for _, list := range []string{"", "users", "tokens"} {
		described, named := schema(t), fullSeed()
		if list != "" {
			described = schema(t, "properties", list, "items")
			named = fullSeed()[list].([]any)[0].(object)
		}
		require.Equal(t, false, described["additionalProperties"])
		required := fmt.Sprint(described["required"])
		for name, member := range described["properties"].(object) {
			require.Contains(t, named, name, "fullSeed must name it")
			with := func(value any, given bool) object {
				seed := fullSeed()
				changed := seed
				if list != "" {
					changed = seed[list].([]any)[0].(object)
				}
				delete(changed, name)
				if given {
					changed[name] = value
				}
				return seed
			}
			absent, faults := parse(t, with(nil, false))
			if strings.Contains(required, name) {
				require.Contains(t, fmt.Sprint(faults), name+": this member is missing")
				continue
			}
			if list == "users" && name == "user_id" {
				require.Contains(t, fmt.Sprint(faults), "/tokens/0/user_id", "the user is user 1 now")
				continue
			}
			require.Empty(t, faults)
			require.NotEqual(t, full, absent, "%s %s has no effect", list, name)
			if value, ok := member.(object)["default"]; ok {
				byDefault, faults := parse(t, with(value, true))
				require.Empty(t, faults)
				require.Equal(t, absent, byDefault, name)
			}
		}
	}
}

// Another implementation of JSON Schema takes and refuses the same seeds, as far as a schema can tell.
func TestSchemaDecidesAsTheCodeDoes(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiled, err := compiler.Compile("seed.schema.json")
	require.NoError(t, err)
	check := func(text string) {
		t.Helper()
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		_, faults := parse(t, text)
		fits := compiled.Validate(value)
		require.Equal(t, fits == nil, len(faults) == 0, "%s\n%v\n%v", text, fits, faults)
	}
	check(string(mock.DefaultSeed()))
	values := []string{
		`null`, `true`, `false`, `0`, `1`, `2147483647`, `2147483648`, `1.5`, `2.0`, `""`, `"a"`, `"user"`, `"owner"`, `"a b"`, `"a/b"`, `"a@b.c"`, `[]`, `{}`, `[1]`, `"\u0000"`,
		`"correct horse"`, `"2030-01-01T00:00:00Z"`, `"2030-01-01T00:00:00.1234567Z"`, `"2030-01-01t00:00:00z"`, `"1969-12-31T00:00:00Z"`, `"9999-12-31T00:00:00Z"`,
		`"2030-01-01T00:00:00+00:00"`, `"` + strings.Repeat("x", 31) + `"`, `"` + strings.Repeat("x", 32) + `"`, `"` + strings.Repeat("x", 33) + `"`, `"` + strings.Repeat("x", 65) + `"`,
		`"` + strings.Repeat("x", 129) + `"`, `"` + strings.Repeat("x", 257) + `"`, `"` + strings.Repeat("ü", 40) + `"`,
	}
	marshal := func(seed any) string {
		text, err := json.Marshal(seed)
		require.NoError(t, err)
		return string(text)
	}
	for _, value := range values {
		check(value)
		for _, list := range []string{"", "users", "tokens"} {
			members := []string{"unknown", "$schema", "Users"}
			described := schema(t)
			if list != "" {
				described = schema(t, "properties", list, "items")
			}
			for name := range described["properties"].(object) {
				members = append(members, name)
			}
			for _, name := range members {
				seed := fullSeed()
				changed := seed
				if list != "" {
					changed = seed[list].([]any)[0].(object)
				}
				changed[name] = json.RawMessage(value)
				if name == "user_id" || name == "users" {
					delete(seed, "tokens") // whose users may be missing now
				}
				check(marshal(seed))
			}
		}
	}
}

// All faults are found at once, each at its place, also those that no schema can tell.
func TestFaultsOfASeed(t *testing.T) {
	const token = "tttttttttttttttttttttttttttttttt"
	for _, c := range []struct {
		seed string
		want []string
	}{
		{``, []string{"the seed: Send a body"}},
		{`{"users":[]} x`, []string{"the seed: This is not JSON in UTF-8 at or after byte 13"}},
		{`{"users":[{"nick_name":"a`, []string{"/users/0/nick_name: This is not JSON in UTF-8 at or after byte 25"}},
		{`{"users":[],"users":[],x`, []string{"/users: this member is there twice", "the seed: This is not JSON in UTF-8 at or after byte 23"}},
		{`{"users":[],"users":[]`, []string{"/users: this member is there twice", "the seed: This is not JSON in UTF-8 at or after byte 22"}},
		{`{"users":[],"":1,"":"a","":[],"users":{}}`, []string{"/: there is no such member", "/: this member is there twice", "/users: this member is there twice"}},
		{`[]`, []string{"the seed: use an object"}},
		{`{}`, []string{"/users: this member is missing"}},
		{`{"users":{},"tokens":3,"now":7}`, []string{"/now: use a string", "/tokens: use an array", "/users: use an array"}},
		{`{"users":[1,{"nick_name":"a","x":1}]}`, []string{"/users/0: use an object", "/users/1/x: there is no such member"}},
		{
			`{"users":[{"nick_name":"a","role":"x","role":"user","role":7}],"users":3,"now":"2030-02-30T00:00:00Z"}`,
			[]string{"/now: there is no such date or time", "/users: this member is there twice", "/users/0/role: use user, administrator or system_administrator", "/users/0/role: this member is there twice"},
		},
		{
			`{"users":[{"nick_name":"Ada","email":"A@example.com"},{"nick_name":"ＡＤＡ","email":"a@EXAMPLE.com"},{"nick_name":"ada","enterprise_id":"other"},{"user_id":2,"nick_name":"b"}]}`,
			[]string{"/users/1/email: the user at /users/0 has this e-mail address", "/users/1/nick_name: the user at /users/0 has this name in the enterprise", "/users/3/user_id: the user at /users/1 has this user_id"},
		},
		{
			`{"users":[{"nick_name":"a"}],"tokens":[{"user_id":1,"token":"` + token + `"},{"user_id":2,"token":"` + token + `"},{"user_id":1,"token":"t t"},{"token":"` + token + `x","expires_at":"2030-01-01T24:00:00Z"}]}`,
			[]string{
				"/tokens/1/token: the token at /tokens/0 is the same", "/tokens/1/user_id: no user of the seed has this user_id",
				"/tokens/2/token: use 32 or more characters", "/tokens/2/token: use visible ASCII characters",
				"/tokens/3/expires_at: there is no such date or time", "/tokens/3/user_id: this member is missing",
			},
		},
		{`{"users":[{"user_id":2147483647,"nick_name":"a"},{"nick_name":"b"}]}`, []string{"/users/1/user_id: use a number, because there is none after that of the user before"}},
		{`{"users":[{"nick_name":"\u0301a","password":"a\tbcdefgh","email":"` + strings.Repeat("x", 65) + `@example.com"}]}`, []string{
			"/users/0/email: use one e-mail address in ASCII, such as user@example.com",
			"/users/0/nick_name: use a name of letters and digits in any script, and of visible ASCII characters except / and @",
			"/users/0/password: use visible characters and spaces as in RFC 8265 §4.2, 8 or more in Unicode NFC",
		}},
	} {
		_, faults := parse(t, c.seed)
		require.ElementsMatch(t, c.want, faults, c.seed)
	}
	seed := object{"users": []any{}}
	for i := range 12 {
		seed["users"] = append(seed["users"].([]any), object{"nick_name": fmt.Sprint("user", i), "canary": i})
	}
	_, faults := parse(t, seed)
	require.Len(t, faults, 12)
	require.Equal(t, "/users/2/canary: there is no such member", faults[2], "they are in the order of the file")
}

// FuzzParseSeed reads any text: either there are faults, or each user and each token of the seed can be stored.
func FuzzParseSeed(f *testing.F) {
	full, err := json.Marshal(fullSeed())
	require.NoError(f, err)
	for _, text := range []string{
		string(full), string(mock.DefaultSeed()), ``, `{}`, `[]`, `{"users":[]}`, `{"users":[{}],"tokens":[{}]}`, `{"users":[null,[{}]],"tokens":{"0":1}}`,
		`{"users":[{"nick_name":"a","user_id":1e400},{"nick_name":"b"}]}`, `{"users":[{"nick_name":"a","nick_name":"b"}]}`, `{"now":"2030-01-01T99:00:00Z","users":[]}`, `{"":1,"":"x"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seed, faults := parse(t, text)
		if len(faults) > 0 {
			require.Equal(t, mock.Seed{}, seed)
			return
		}
		ids, secrets := map[directory.UserID]bool{}, map[string]bool{}
		for _, u := range seed.Users {
			require.Positive(t, u.ID)
			require.False(t, ids[u.ID])
			ids[u.ID] = true
			require.NotEmpty(t, u.NickName)
			require.Contains(t, directory.Roles(), u.Role)
			require.NotEmpty(t, u.EnterpriseID)
		}
		for _, token := range seed.Tokens {
			require.True(t, ids[token.UserID])
			require.False(t, secrets[token.Token])
			secrets[token.Token] = true
			require.GreaterOrEqual(t, len(token.Token), 32)
		}
	})
}
