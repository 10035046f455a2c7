package contract

import (
	"net/mail"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// codesOf returns the codes of the faults that a text has as a value of a schema.
func codesOf(t *testing.T, schema, text string) (codes []FaultCode) {
	t.Helper()
	c, err := Load()
	require.NoError(t, err)
	faults, err := c.CheckValue(schema, text)
	require.NoError(t, err)
	for _, fault := range faults {
		codes = append(codes, fault.Code)
	}
	return codes
}

// isAddress is a second reading of RFC 5321 §4.1.2, without quoting and without regular expressions.
func isAddress(text string) bool {
	isLetterOrDigit := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	local, domain, found := strings.Cut(text, "@")
	if !found || len(text) > 254 || len(local) > 64 {
		return false
	}
	for atom := range strings.SplitSeq(local, ".") {
		isWrong := func(r rune) bool { return !isLetterOrDigit(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) }
		if atom == "" || strings.ContainsFunc(atom, isWrong) {
			return false
		}
	}
	for label := range strings.SplitSeq(domain, ".") {
		isWrong := func(r rune) bool { return !isLetterOrDigit(r) && r != '-' }
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, isWrong) {
			return false
		}
	}
	return true
}

// FuzzEmail compares the contract's check of an e-mail address with a second reading of the RFC. The standard
// library, which allows more, reads each address that is accepted as the same one.
func FuzzEmail(f *testing.F) {
	label := strings.Repeat("a", 63)
	for _, text := range []string{
		``, `@`, `a`, `a@b`, `user@example.com`, `User.Name+tag@Example.COM`, `!#$%&'*+-/=?^_{|}~@x`, "`@x", `a@1`, `a@-b`, `a@b-`, `a@b--c`, `a@b..c`, `a@.b`, `a@b.`, `.a@b`, `a.@b`, `a..b@c`,
		`a b@c`, `"a b"@c`, `"a"@c`, `Ada <a@b>`, `<a@b>`, `a@b@c`, `a@[127.0.0.1]`, `a@b_c`, `a@b,c@d`, `a@b;`, `a(x)@b`, "a@b\n", "a@b\r\nBcc: c@d", "a@b\x00", " a@b", `ü@b`, `a@ü.com`, "a\u212a@b", "\xff@b",
		label + `a@b`, label + `aa@b`, `a@` + label, `a@` + label + `a`, `a@` + strings.Repeat(label+".", 3) + label[:60], `a@` + strings.Repeat(label+".", 3) + label[:61],
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		codes := codesOf(t, "Email", text)
		require.Equal(t, isAddress(text), len(codes) == 0, "%q: %v", text, codes)
		if len(codes) == 0 {
			read, err := mail.ParseAddress(text)
			require.NoError(t, err, "%q", text)
			require.Equal(t, mail.Address{Address: text}, *read)
		}
	})
}

// isExcluded reports whether RFC 5892 §2.6 excludes a letter or a mark, or whether it belongs to old Hangul (§2.9).
func isExcluded(r rune) bool {
	return strings.ContainsRune("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b", r) ||
		0x1100 <= r && r <= 0x11ff || 0xa960 <= r && r <= 0xa97c || 0xd7b0 <= r && r <= 0xd7fb ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// needsContext reports whether RFC 5892 (appendix A) allows a character only next to some others.
func needsContext(r rune) bool {
	return strings.ContainsRune("\u00b7\u0375\u05f3\u05f4\u30fb\u200c\u200d", r) || 0x660 <= r && r <= 0x669 || 0x6f0 <= r && r <= 0x6f9
}

// isInName reports whether a character can be in a name: RFC 8264 §4.2, from the categories of Unicode.
func isInName(r rune) bool {
	if '!' <= r && r <= '~' {
		return r != '/' && r != '@'
	}
	isAdded := strings.ContainsRune("\u06fd\u06fe\u0f0b\u3007", r) // RFC 5892 §2.6
	isLetterOrDigit := isAdded || unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lo, unicode.Lm, unicode.Mn, unicode.Mc, unicode.Nd)
	isStable := norm.NFKC.String(string(r)) == string(r)
	return needsContext(r) || isLetterOrDigit && isStable && !isExcluded(r)
}

// directions reports in which directions the characters of a text are written.
func directions(text string) (leftToRight, rightToLeft bool) {
	for _, r := range text {
		properties, _ := bidi.LookupRune(r)
		class := properties.Class()
		leftToRight = leftToRight || class == bidi.L
		rightToLeft = rightToLeft || class == bidi.R || class == bidi.AL || class == bidi.AN
	}
	return leftToRight, rightToLeft
}

// FuzzNickName compares the contract's check of a name with a second reading of the RFCs, which leaves only
// characters that need a context, and names from right to left, to the library. The check is the same in any
// composition.
func FuzzNickName(f *testing.F) {
	for _, text := range []string{
		``, `a`, `ada`, `a b`, `a/b`, `a@b`, `_-.!~"'`, "a\tb", "a\x00", "a\x7f", "\xff", "é", "e\u0301", "\u0301e", "\u0301", "Straße", "Иван", "李小龙", "1号", "김민수", "\u1100\u1175", "देवनागरी", "क\u094d\u200dष", "a\u200db", "a\u200bb",
		"\u200d", "عمر", "עומר", "עa", "aע", "1ע", "ע1", "\u0661", "\u06f1\u0661", "\u06f1", "l\u00b7l", "a\u00b7b", "ア\u30fb", "a\u30fb", "\uff65", "ＡＤＡ", "ａ／ｂ", "ａ＠ｂ", "\u06fd", "二\u3007", "\u0f0b", "\u3000", "\uff76\uff9e", "\uff9e", "ﬁ", "①", "Ⅳ", "²", "™", "€", "\u2010", "…",
		"\u00a0", "\u2028", "\u202e", "\ufeff", "\u00ad", "\ufe0f", "\u3164", "\uffa0", "\u0640", "\ue000", "\uffff", "\U000e0041", "\U0010ffff", "\u0378", "😀", strings.Repeat("é", 64), strings.Repeat("é", 65), strings.Repeat("e\u0301", 33),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("the JSON reader refuses it")
		}
		codes := codesOf(t, "NickName", text)
		mapped := norm.NFC.String(width.Fold.String(text))
		first, _ := utf8.DecodeRuneInString(mapped)
		leftToRight, rightToLeft := directions(mapped)
		count := utf8.RuneCountInString(text)
		allowed := count >= 1 && count <= 64 && !strings.ContainsFunc(mapped, func(r rune) bool { return !isInName(r) }) &&
			!unicode.IsMark(first) && (!leftToRight || !rightToLeft)
		if !allowed {
			require.NotEmpty(t, codes, "%+q", text)
		} else if !rightToLeft && !strings.ContainsFunc(mapped, needsContext) {
			require.Empty(t, codes, "%+q", text)
		}
		_, fits := isName(text)
		_, composed := isName(norm.NFC.String(text))
		_, decomposed := isName(norm.NFD.String(text))
		require.Equal(t, []bool{fits, fits}, []bool{composed, decomposed}, "%+q", text)
	})
}

// FuzzPassword compares the contract's check of a password with a second reading of RFC 8265 §4.2. The form in
// which it counts characters does not depend on the composition, and its own form is itself.
func FuzzPassword(f *testing.F) {
	for _, text := range []string{
		``, `a`, `1234567`, `12345678`, `correct horse`, "correct\u3000horse", "correct\u00a0horse", "correct\u1680horse", "        ", "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007", "correct\u2028horse",
		"correct\u200bhorse", "correct\u200dhorse", "क\u094d\u200dषकककककक", "correct\u00adhorse", "\ufeffcorrect horse", "❤\ufe0f and horses", "❤ and horses!", "correct\uffffhorse", "correct\u0378horse", "correct\ue000horse",
		"a\tbcdefgh", "a\x00bcdefgh", "a\x7fbcdefgh", "a\u0085bcdefgh", "\xff1234567", "éééééééé", strings.Repeat("e\u0301", 8), strings.Repeat("e\u0301", 7), strings.Repeat("가", 8), strings.Repeat("\u1100\u1161", 8),
		strings.Repeat("\u1100", 8), "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "\u0661\u06f11234567", "①②③④⑤⑥⑦⑧", "ﬁﬁﬁﬁﬁﬁﬁﬁ", strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("😀", 128), strings.Repeat("\u0344", 128),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("the JSON reader refuses it")
		}
		codes := codesOf(t, "Password", text)
		visible := norm.NFC.String(strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Zs, r) {
				return ' '
			}
			return r
		}, text))
		isInvisible := func(r rune) bool {
			return !needsContext(r) && (!unicode.IsGraphic(r) || isExcluded(r) && unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
		}
		counted, fits := isPassword(text)
		long, short := utf8.RuneCountInString(text) > 128, utf8.RuneCountInString(text) < 8 || utf8.RuneCountInString(counted) < 8
		switch {
		case strings.ContainsFunc(visible, isInvisible):
			require.False(t, fits && text != "", "%+q", text)
			require.NotEmpty(t, codes, "%+q", text)
		case !strings.ContainsFunc(visible, func(r rune) bool { return isExcluded(r) || needsContext(r) }):
			require.True(t, fits, "%+q", text)
			require.Equal(t, visible, counted)
			require.Equal(t, !long && !short, len(codes) == 0, "%+q: %v", text, codes)
		}
		if !fits || text == "" {
			return
		}
		for _, same := range []string{counted, norm.NFC.String(text), norm.NFD.String(text)} {
			again, fits := isPassword(same)
			require.True(t, fits, "%+q", same)
			require.Equal(t, counted, again, "%+q", same)
		}
	})
}
