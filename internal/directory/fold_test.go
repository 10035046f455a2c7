package directory_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"userapi/internal/directory"
)

// FuzzFold folds a text in each form that must be the same name: in other letter case, width and composition, and
// as the folds themselves. What Fold makes the same is the same to compatibility caseless matching (Unicode §3.13,
// D146), which knows even fewer differences.
func FuzzFold(f *testing.F) {
	for _, text := range []string{
		``, `ada`, `ADA`, `A/B@c`, "É", "e\u0301", "Straße", "STRASSE", "ẞ", "ΣΑΣ", "ς", "İ", "ı", "ŉ", "ﬁ", "ﬀ", "ᾄ", "α\u0345\u0313\u0301", "α\u0313\u0301\u0345", "\u0345", "ΐ", "ＡＤＡ", "ａｄａ", "ｶﾞ", "ガ", "ﾞ", "Å", "\u212b", "K", "\u212a",
		"Ꭰ", "ꭰ", "ᏸ", "ᲀ", "ǅ", "ǆ", "\U00010400", "가", "\u1100\u1161", "ﾡ", "①", "\u0130\u0307", "a\u0323\u0307", "a\u0307\u0323", "\u0130\u0131", "\u0345\uff9e",
	} {
		f.Add(text)
	}
	caseless := func(text string) string {
		return cases.Fold().String(strings.Map(func(r rune) rune { // cases.Fold swaps the cases of Cherokee letters
			if unicode.Is(unicode.Cherokee, r) {
				return unicode.ToUpper(r)
			}
			return r
		}, text))
	}
	compatible := func(text string) string {
		return norm.NFKD.String(caseless(norm.NFKD.String(caseless(norm.NFD.String(text)))))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("the contract refuses it")
		}
		folded := directory.Fold(text)
		require.Equal(t, folded, directory.Fold(folded), "%+q", text)
		require.True(t, norm.NFC.IsNormalString(folded), "%+q", text)
		require.Equal(t, directory.FoldCase(text), directory.FoldCase(directory.FoldCase(text)), "%+q", text)
		require.Equal(t, folded, directory.Fold(norm.NFC.String(text)), "%+q", text)
		require.Equal(t, folded, directory.Fold(norm.NFD.String(text)), "%+q", text)
		require.Equal(t, folded, directory.Fold(width.Fold.String(text)), "%+q", text)
		require.Equal(t, folded, directory.FoldCase(width.Fold.String(text)), "%+q", text)
		if !strings.ContainsRune(norm.NFD.String(text), '\u0345') { // in upper case it is a letter, which no mark passes
			require.Equal(t, folded, directory.Fold(strings.Map(unicode.SimpleFold, text)), "%+q", text)
			require.Equal(t, folded, directory.Fold(directory.FoldCase(text)), "%+q", text)
			require.Equal(t, compatible(text), compatible(folded), "%+q", text)
		}
	})
}

// FuzzFoldEmail folds two addresses: in ASCII, they are one if strings.EqualFold says so, and no other character
// becomes an ASCII letter.
func FuzzFoldEmail(f *testing.F) {
	for _, pair := range [][2]string{
		{``, ``}, {`a@b`, `A@B`}, {`a@b`, `a@c`}, {`@[`, "`{"}, {`Z@z`, `z@Z`}, {"K@b", "\u212a@b"}, {"É@b", "é@b"}, {"s@b", "\u017f@b"}, {"\xff", "\xfe"},
	} {
		f.Add(pair[0], pair[1])
	}
	isASCII := func(text string) bool {
		return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		folded := directory.FoldEmail(one)
		require.Equal(t, folded, directory.FoldEmail(folded))
		require.Equal(t, isASCII(one), isASCII(folded), "%+q", one)
		require.Equal(t, isASCII(other), isASCII(directory.FoldEmail(other)), "%+q", other)
		if isASCII(one) && isASCII(other) {
			require.Equal(t, strings.EqualFold(one, other), folded == directory.FoldEmail(other), "%q %q", one, other)
			require.Equal(t, folded, directory.FoldEmail(strings.ToUpper(one)), "%q", one)
		}
	})
}
