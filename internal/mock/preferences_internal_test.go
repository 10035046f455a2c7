package mock

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http/httpguts"
)

// FuzzPrefer reads a preference back that is written in the forms that RFC 7240 allows, and reads headers that may be anything.
func FuzzPrefer(f *testing.F) {
	for _, line := range []string{`code=409, problem=x`, `a="b\"c";d=e;;f , G`, `a=`, `"`, `,;=`, "a\t=\t\"\\", `a;`, `a="\`} {
		f.Add(line, "Code", "409", " \t")
		f.Add(line, "x!", `a"b\c, d;`, "")
	}
	f.Fuzz(func(t *testing.T, line, name, value, space string) {
		read, _, err := parsePrefer([]string{line})
		require.Equal(t, err == nil, read != nil)
		for found := range read {
			require.True(t, isToken(found), "%q has a preference %q", line, found)
			require.Equal(t, strings.ToLower(found), found)
		}
		if !isToken(name) || strings.Trim(space, " \t") != "" {
			return
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
		forms := []string{quoted}
		if isToken(value) {
			forms = append(forms, value)
		}
		for _, form := range forms {
			written := space + "," + space + name + space + "=" + space + form + space + ";" + space + "p" + space + "=" + space + form
			read, hasParameters, err := parsePrefer([]string{written, name + "=other", "last"})
			require.NoError(t, err, written)
			require.True(t, hasParameters)
			want := preferences{"last": ""}
			want[strings.ToLower(name)] = value
			require.Equal(t, want, read, written)
		}
	})
}

func isToken(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !httpguts.IsTokenRune(r) }) < 0
}
