package directory_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

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
