package httpapi

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// FuzzVersions reads entity tags: what it finds is in the header as one of our tags, and a tag of ours is found
// anywhere in a list.
func FuzzVersions(f *testing.F) {
	for _, header := range []string{
		``, ` `, `*`, ` * `, `"1"`, `W/"1"`, `w/"1"`, `"1", "2"`, `"1",,W/"2"`, `"01"`, `"+1"`, `" 1"`, `"1 "`, `""`, `"-1"`, `"9223372036854775807"`,
		`"9223372036854775808"`, `1`, `"1`, `"a, "1"`, `"*"`, `"1""2"`, `"W/"1""`, `"1";x`, "\"\xff\"",
	} {
		f.Add(header, int64(1))
	}
	f.Fuzz(func(t *testing.T, header string, version int64) {
		for _, compared := range []comparison{strong, weak} {
			found := versions(&header, compared)
			require.Equal(t, strings.TrimSpace(header) == "*", found.Any)
			for _, v := range found.Listed {
				require.Contains(t, header, etag(v))
			}
			if strings.Count(header, `"`)%2 != 0 {
				continue // the contract refuses it, and a tag of ours would begin inside another
			}
			require.Contains(t, versions(new(header+`,`+etag(version)), compared).Listed, version)
			require.Equal(t, compared == weak, len(versions(new(`W/`+etag(version)), compared).Listed) == 1)
		}
	})
}

// FuzzCredential reads Authorization: the token is a part of the header, without white space around it.
func FuzzCredential(f *testing.F) {
	for _, header := range []string{``, ` `, `Bearer`, `Bearer `, `bearer x`, `BEARER  x `, `x`, `Basic eA==`, `Bearer Bearer x`, "Bearer\tx", "x\ty", `Bearer x y`} {
		f.Add(header)
	}
	bearer := regexp.MustCompile(`^[ \t]*(?i:bearer) [ \t]*(.*?)[ \t]*$`)
	f.Fuzz(func(t *testing.T, header string) {
		if strings.ContainsAny(header, "\r\n") {
			t.Skip("net/http does not let it through")
		}
		want := strings.Trim(header, " \t")
		if match := bearer.FindStringSubmatch(want + " "); match != nil && strings.Contains(want, " ") {
			want = match[1]
		}
		got, err := credential([]string{header})
		require.Equal(t, want == "", err != nil)
		require.Equal(t, want, got)
		_, err = credential([]string{header, header})
		require.Error(t, err, "two headers")
	})
}

// FuzzUserID reads the number of a user as the contract writes it, and nothing else.
func FuzzUserID(f *testing.F) {
	for _, text := range []string{``, `0`, `1`, `01`, `+1`, `-1`, ` 1`, `1 `, `1.0`, `1e3`, `2147483647`, `2147483648`, `99999999999999999999`, `١`, `1_0`, `0x1`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number, err := strconv.ParseInt(text, 10, 64)
		known := regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(text) && err == nil && number <= 2147483647
		id := directory.ParseUserID(text)
		require.Equal(t, known, id > 0)
		if known {
			require.Equal(t, text, id.String())
		}
	})
}
