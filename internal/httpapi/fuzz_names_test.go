package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// spellingsOf are other ways to write a name.
var spellingsOf = []func(name string) string{
	strings.ToUpper, strings.ToLower, strings.ToTitle, norm.NFC.String, norm.NFD.String, width.Widen.String, width.Narrow.String, width.Fold.String,
}

// FuzzNamesThatFoldAlike creates a user and then a second one, whose name is another one or another spelling of the first.
// If both names fold alike, they are one name: it is taken, and each spelling logs in. Otherwise they are two.
func FuzzNamesThatFoldAlike(f *testing.F) {
	for _, pair := range [][2]string{
		{"ada", "bob"}, {"ada", "ADA"}, {"Straße", "STRASSE"}, {"é", "e\u0301"}, {"ＡＤＡ", "ada"}, {"ｶﾞ", "ガ"}, {"a", "а"}, {"ı", "i"}, {"\u212b", "å"}, {"ς", "Σ"}, {"李", "李小龙"}, {"가", "\u1100\u1161"}, {"a-b", "a_b"},
	} {
		for way := range len(spellingsOf) + 1 {
			f.Add(pair[0], pair[1], uint(way))
		}
	}
	server := apitest.Start(f, apitest.Config{})
	f.Fuzz(func(t *testing.T, first, second string, way uint) {
		if !utf8.ValidString(first) || !utf8.ValidString(second) {
			t.Skip("encoding/json changes them")
		}
		if way %= uint(len(spellingsOf) + 1); way < uint(len(spellingsOf)) {
			second = spellingsOf[way](first)
		}
		s := server.For(t)
		create := func(name string) apitest.Answer {
			body, err := json.Marshal(map[string]string{"nick_name": name, "password": apitest.Password, "enterprise_id": "fuzz"})
			require.NoError(t, err)
			return s.Send(t, "POST", "/openapi/v1/users", string(body))
		}
		remove := func(created apitest.Answer) {
			require.Equal(t, 204, s.Send(t, "DELETE", created.Header.Get("Location"), "").Status)
		}
		one := create(first)
		if one.Status == 422 {
			return
		}
		require.Equal(t, 201, one.Status, "%+q: %s", first, one.Body)
		defer remove(one)
		other := create(second)
		if other.Status == 422 {
			return
		}
		alike := directory.Fold(first) == directory.Fold(second)
		require.Equal(t, map[bool]int{true: 409, false: 201}[alike], other.Status, "%+q %+q: %s", first, second, other.Body)
		if !alike {
			remove(other)
		}
		logIn, err := json.Marshal(map[string]string{"username": "fuzz/" + second, "password": apitest.Password})
		require.NoError(t, err)
		require.Equal(t, map[bool]int{true: 200, false: 401}[alike], s.Send(t, "POST", "/openapi/v1/auth-token", string(logIn), apitest.NoAuth).Status, "%+q", second)
	})
}
