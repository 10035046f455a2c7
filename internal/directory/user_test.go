package directory_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"userapi/internal/directory"
)

// Fold treats two letters as the same if Unicode's simple case folding does, for every letter.
func TestFoldKnowsEveryLetter(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if other := unicode.SimpleFold(r); other != r {
			require.Equal(t, directory.Fold(string(r)), directory.Fold(string(other)), "%U %U", r, other)
		}
	}
	require.Equal(t, directory.Fold("stra\u00dfe"), directory.Fold("STRASSE"))
	require.Equal(t, directory.Fold("\u00e4"), directory.Fold("A\u0308"))
	require.NotEqual(t, directory.Fold("a"), directory.Fold("\u00e4"))
}

// Fold maps all widths to one. FoldCase keeps them, and a text in its form folds as the text itself.
func TestFoldWidth(t *testing.T) {
	require.Equal(t, "admin", directory.Fold("\uff21\uff44\uff2d\uff49\uff4e"))
	require.Equal(t, "\uff41\uff44\uff4d\uff49\uff4e", directory.FoldCase("\uff21\uff44\uff2d\uff49\uff4e"))
	require.Equal(t, directory.Fold("\u30ac"), directory.Fold("\uff76\uff9e"), "a voiced mark is composed after the mapping")
	for r := range rune(0x10000) {
		if '\u30ff' < r && r < '\uff00' {
			continue // these have one width
		}
		text := string(r)
		folded := directory.Fold(text)
		require.Equal(t, folded, directory.Fold(folded), "%U", r)
		require.Equal(t, folded, directory.Fold(directory.FoldCase(text)), "%U", r)
		require.Equal(t, folded, directory.Fold(norm.NFD.String(text)), "%U", r)
	}
}

// Fold has a fast path for ASCII. It gives the same result as the usual path.
func TestFoldOfASCIIIsTheSame(t *testing.T) {
	for r := rune(0); r <= unicode.MaxASCII; r++ {
		folded, found := strings.CutSuffix(directory.Fold(string(r)+"\u00e9"), "\u00e9")
		require.True(t, found)
		require.Equal(t, folded, directory.Fold(string(r)), "%U", r)
	}
}

// Every update folds the phone and the name, so Fold must be fast.
func BenchmarkFold(b *testing.B) {
	for name, text := range map[string]string{"ascii": "+44 20 7946 0000", "other": "Stra\u00dfe 7"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				directory.Fold(text)
			}
		})
	}
}
