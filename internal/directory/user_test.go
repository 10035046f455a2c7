package directory_test

import (
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
