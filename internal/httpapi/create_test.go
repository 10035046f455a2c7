package httpapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
	"userapi/internal/directory"
)

func TestCreateUser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	answer := s.Send(t, "POST", "/openapi/v1/users",
		apitest.NewUser("default", "bob", `"email":"Bob@Example.com"`, `"phone":"1"`, `"origion":""`, `"is_active":null`), "X-Forwarded-For: 192.0.2.7")
	require.Equal(t, 201, answer.Status, answer.Body)
	require.Equal(t, "/openapi/v1/users/2", answer.Header.Get("Location"))
	read := s.Send(t, "GET", answer.Header.Get("Location"), "")
	require.JSONEq(t, answer.Body, read.Body)

	info, err := s.Client(t, s.Token).GetUserWithResponse(t.Context(), "2", nil)
	require.NoError(t, err)
	got := info.JSON200
	require.NotNil(t, got)
	s.RequireRecent(t, got.CreateTime)
	require.Equal(t, time.UTC, got.CreateTime.Location())
	got.CreateTime = time.Time{}
	want := client.UserInfo{UserID: 2, NickName: "bob", EnterpriseID: "default", Phone: "1"}
	want.Email.Set("Bob@Example.com")
	want.Origion.Set("")
	want.IsActive.SetNull()
	want.ClientIP.Set("192.0.2.7")
	require.Equal(t, want, *got)

	minimal := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "cy"))
	require.Equal(t, 201, minimal.Status)
	require.Contains(t, minimal.Body, `"is_active":true`)
	require.Contains(t, minimal.Body, `"email":null`)
	require.Contains(t, minimal.Body, `"origion":null`)
	require.Contains(t, minimal.Body, `"client_ip":"127.0.0.1"`)
}

// A name is taken in any letter case and Unicode composition, but only in its enterprise.
func TestNickNames(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	create := func(name, enterprise string) int {
		t.Helper()
		answer := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser(enterprise, name))
		if answer.Status == 409 {
			require.Equal(t, []string{"/nick_name taken"}, answer.Faults(t))
			require.NotContains(t, answer.Body, name)
		}
		return answer.Status
	}
	require.Equal(t, 201, create("Stra\u00dfe\u00c9", "default"))
	for _, same := range []string{"Stra\u00dfe\u00c9", "STRASSE\u00c9", "strasse\u00e9", "strassee\u0301", "STRASSEE\u0301"} {
		require.Equal(t, 409, create(same, "default"), same)
	}
	require.Equal(t, 201, create("strasse", "default"))
	require.Equal(t, 201, create("\u1f84", "default"))
	require.Equal(t, 409, create("\u03b1\u0345\u0313\u0301", "default"), "the name is canonically equivalent to one that is taken")
	require.Equal(t, 201, create("strasse\u00e9", "Default"))
	require.Equal(t, 409, create("ADMIN", "default"))
	require.Equal(t, 201, create(strings.Repeat("\u00e9", 64), "default"))
}

// Names of all scripts are accepted. They are taken in any width, and each spelling logs in.
func TestNamesOfAnyScript(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for name, same := range map[string]string{
		"admin1":                                     "\uff21\uff24\uff2d\uff29\uff2e\uff11",
		"\uff21da-\uff10":                            "ada-0",
		"\u674e\u5c0f\u9f99":                         "",
		"1\u53f7":                                    "\uff11\u53f7", // begins with a digit
		"_\u0418\u0432\u0430\u043d-007":              "\uff3f\u0438\u0432\u0430\u043d-\uff10\uff10\uff17",
		"Zo\u00eb!":                                  "zoe\u0308\uff01",
		"\uff76\uff9e\uff72\uff84\uff9e":             "\u30ac\u30a4\u30c9", // halfwidth Katakana
		"\uae40\ubbfc\uc218":                         "\u1100\u1175\u11b7\u1106\u1175\u11ab\u1109\u116e",
		"\u0645\u062d\u0645\u062f\u0663":             "",
		"\u0639\u0644\u06cc\u200c\u0631\u0636\u0627": "", // a non-joiner between letters that would join
		"\u05d3\"\u05e8-\u05db\u05d4\u05df":          "",
		"\u0915\u094d\u200d\u0937":                   "", // a joiner after a virama
		"\u0928\u0930\u094d\u092e\u0926\u093e":       "",
		"\u0e2a\u0e21\u0e0a\u0e32\u0e22":             "",
	} {
		user := s.CreateUser(t, name)
		require.Contains(t, s.Send(t, "GET", user.Path(), "").Body, fmt.Sprintf(`"nick_name":"%s"`, strings.ReplaceAll(name, `"`, `\"`)), "the name is stored as given")
		for _, spelling := range []string{name, same} {
			if spelling == "" {
				continue
			}
			answer := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", spelling))
			require.Equal(t, 409, answer.Status, "%+q", spelling)
			require.Equal(t, []string{"/nick_name taken"}, answer.Faults(t))
			require.Equal(t, 200, s.LogIn(t, "default/"+spelling, apitest.Password).Status, "%+q", spelling)
		}
	}
	_, total := readPage(t, s, "/openapi/v1/users?query="+url.QueryEscape("\uff24\uff2d\uff29\uff2e\uff11"), func(u client.UserInfo) string { return u.NickName })
	require.EqualValues(t, 1, total, "a search ignores width")
}

// A name that cannot be seen, or that looks like another one or like two, is refused.
func TestNamesThatAreRefused(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	stored := s.DB.State(t)
	for _, name := range []string{
		"a\u200bb", "a\u00adb", "a\u2060b", "a\u202eb", "a\ufeffb", "\u3164", "\uffa0", "a\u115fb", "a\ufe0fb", "a\U000e0100b", "a\u034fb", "a\U000e0061b", // invisible
		"a\ufdd0b", "a\uffffb", "a\U0010ffffb", "a\ue000b", "a\u0378b", // no characters, private, not assigned
		"a b", "a\u00a0b", "a\u3000b", "a\u2028b", "a\x80b", // white space and controls
		"\u0301a", "\u0301", "\u3099\u304b", "\uff9e\uff76", "\u093e\u0928", // a mark at the beginning
		"a/b", "a@b", "a\uff0fb", "a\uff20b", // separate names in a log-in
		"a\u200d", "a\u200cb", "\u200c", "\u0915\u094d\u200c\u200c\u0937", // joiners that the script does not need
		"a\u05d0", "\u05d0a", "1\u0627", "\u0627-", "\u0627\u0663\u06301", // the Bidi Rule
		"\U0001f600", "\u2122", "\u24b6", "\u00bd", "\ufb01", "a\u00b7b", "\u0663\u06f3", // symbols, other spellings of letters
	} {
		answer := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", name))
		require.Equal(t, 422, answer.Status, "%+q", name)
		require.Equal(t, []string{"/nick_name pattern"}, answer.Faults(t), "%+q", name)
	}
	require.Equal(t, stored, s.DB.State(t))
}

// A user keeps a name from before the rules, and can use it.
func TestOldNames(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	wide, plain, invisible := s.CreateUser(t, "wide"), s.CreateUser(t, "plain"), s.CreateUser(t, "invisible")
	s.DB.SetNickName(t, wide, "\uff21da")
	s.DB.SetNickName(t, plain, "Ada")
	s.DB.SetNickName(t, invisible, "a\u200bda\uff20")
	for _, user := range []struct {
		apitest.Person
		names []string
	}{
		{wide, []string{"\uff21da", "\uff41DA"}},
		{plain, []string{"Ada", "ada", "\uff41\uff44\uff41"}},
		{invisible, []string{"a\u200bda\uff20", "A\u200bDA\uff20"}},
	} {
		for _, name := range user.names {
			answer := s.LogIn(t, "default/"+name, apitest.Password)
			require.Equal(t, 200, answer.Status, "%+q", name)
			body := s.Send(t, "PUT", user.Path(), `{"phone":"1"}`, apitest.Auth(answer.Token(t))).Body
			require.Contains(t, body, `"phone":"1"`)
		}
		answer := s.Send(t, "PUT", user.Path(), `{"enterprise_id":"default","email":"user`+user.ID.String()+`@example.com","is_active":true,"password":"correct horse"}`)
		require.Equal(t, 200, answer.Status, answer.Body)
	}
	require.Equal(t, 409, s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "\uff21da")).Status)

	s.CreateUserIn(t, "other", "ADA")
	moved := s.Send(t, "PUT", wide.Path(), `{"enterprise_id":"other"}`)
	require.Equal(t, 409, moved.Status)
	require.Equal(t, []string{"/enterprise_id taken"}, moved.Faults(t))
	require.Equal(t, 200, s.Send(t, "PUT", wide.Path(), `{"enterprise_id":"third"}`).Status)
	require.Equal(t, 200, s.LogIn(t, "third/ada", apitest.Password).Status)
	require.Equal(t, 409, s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("third", "ada")).Status)
	require.Equal(t, 409, s.Send(t, "PUT", wide.Path(), `{"enterprise_id":"default"}`).Status)
}

// The number of a deleted user is not used again, and a start does not create user 1 again.
func TestNumbersAreNeverUsedAgain(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	require.Equal(t, []directory.UserID{2, 3}, []directory.UserID{ada.ID, bob.ID})
	s.CreateToken(t, bob)
	s.DB.DeleteUser(t, bob)
	require.Empty(t, s.DB.TokensOf(t, bob))
	require.EqualValues(t, 4, s.CreateUser(t, "bob").ID)

	s.DB.DeleteUser(t, people.First)
	started, err := s.Service.Start(t.Context(), strings.Repeat("operator", 4), nil)
	require.NoError(t, err)
	require.Equal(t, directory.Started{OperatorRefused: true}, started)
	require.Equal(t, 401, s.Send(t, "GET", ada.Path(), "", apitest.Auth(strings.Repeat("operator", 4))).Status)
}
