package password

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// FuzzSpellings prepares a password: the result is its own preparation and does not depend on the composition.
// It is a second reading of RFC 8265 §4.2, or, if the password is no OpaqueString, the password in Unicode NFC,
// of which older hashes were made.
func FuzzSpellings(f *testing.F) {
	for _, text := range []string{
		``, ` `, `correct horse`, "correct\u3000horse", "correct\u00a0horse", "\u2000", "\u1680\u202f", "é", "e\u0301", "가", "\u1100\u1161", "\u1100", "\u0344", "\u0958", "क\u094d\u200dष", "a\u200db", "a\u200b", "\ufeffa", "❤\ufe0f", "\u0661\u06f1",
		"ﬁ", "①", "ＡＤＡ", "Å", "\u212b", "\u0378", "\ue000", "\uffff", "a\tb", "\x00", "\xff", "a\xffé", "l\u00b7l", "\u00b7", "a\u0323\u0307", "a\u0307\u0323",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := spellings(text)
		composed := norm.NFC.String(text)
		require.Equal(t, composed, all[len(all)-1], "%+q", text)
		require.LessOrEqual(t, len(all), 2)
		prepared := norm.NFC.String(strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Zs, r) {
				return ' '
			}
			return r
		}, text))
		if all[0] != composed {
			require.Equal(t, prepared, all[0], "%+q", text)
		}
		if !strings.ContainsFunc(prepared, func(r rune) bool { return r != ' ' && (r < '!' || r > '~') }) {
			require.Equal(t, prepared, all[0], "visible ASCII and spaces are an OpaqueString: %+q", text)
		}
		if !utf8.ValidString(text) {
			return // the contract refuses it
		}
		for _, same := range []string{all[0], composed, norm.NFD.String(text)} {
			require.Equal(t, all[0], spellings(same)[0], "%+q", same)
		}
	})
}
