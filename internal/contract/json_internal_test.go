package contract

import (
	"bytes"
	stdjson "encoding/json"
	"strconv"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzDecode compares decode with encoding/json. decode accepts the same texts, except those that a strict
// reader must refuse: bytes that are not UTF-8, lone surrogates, and a member twice.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		// Values, white space, numbers.
		`null`, `true`, `false`, `0`, `-0`, `0.5`, `-1e-7`, `1E+2`, `1e400`, `-1e400`, `1e-400`, `123456789012345678901234567890`, `""`, `"a"`, ` [ 1 , 2 ] `, "\t\r\n{}",
		`{}`, `[]`, `{"a":1}`, `{"a":{"b":[null,true]}}`, `{"":0}`, `[[[[]]]]`, `{"a":1,"b":1}`,
		// Not numbers.
		`-`, `+1`, `01`, `-01`, `.5`, `1.`, `1e`, `1e+`, `0x1`, `1_000`, `Infinity`, `NaN`, `-Infinity`, `1 2`, `--1`, `2.e3`,
		// Structure.
		``, ` `, `[`, `]`, `{`, `}`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{'a':1}`, `{1:1}`, `{null:1}`, `[1]]`, `{}{}`, `[]x`, `{"a":1 "b":2}`, `["a":1]`, `{"a",1}`,
		`/*c*/{}`, `{}//c`, `#`, `nul`, `nulL`, `True`, `truex`, "\v{}", "\f[]", "\u00a0{}", "\u2028[]",
		// Strings.
		`"\u0041"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\u0000"`, `"\b\f\n\r\t\/\\\""`, `"\x41"`, `"\a"`, `"\`, `"\u12"`, `"\u12g4"`, `"\U0041"`, `"`, "\"\n\"", "\"\x00\"", "\"\x1f\"", "\"\x7f\"", `'a'`, `"a" "b"`,
		// Not UTF-8, surrogates, byte order marks.
		"\"\xff\"", "\"\xc0\xaf\"", "\"\xe2\x82\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\xef\xbb\xbf{}", "{\"\xff\":1}", "\xfe\xff\x00{\x00}",
		`"\ud800"`, `"\udc00"`, `"\udc00\ud800"`, `"\ud800\u0041"`, `"\ud800a"`, `{"\ud800":1}`, `"\\ud800"`, `"\\\ud800"`,
		// A member twice, also by an escape.
		`{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `{"a":{"b":1,"b":2}}`, `[{"a":1},{"a":1}]`, `{"a":{"a":1}}`, `{"":1,"":2}`, `{"a":1,"A":1}`, `{"é":1,"é":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := decode(text)
		if err != nil {
			require.ErrorAs(t, err, new(*Violation))
			strict := !utf8.Valid(text) || hasLoneSurrogate(text) || hasMemberTwice(text)
			require.True(t, strict || !stdjson.Valid(text), "refused, but encoding/json reads it: %q: %v", text, err)
			return
		}
		require.True(t, utf8.Valid(text) && !hasLoneSurrogate(text) && !hasMemberTwice(text), "%q", text)
		var want any
		if err := stdjson.Unmarshal(text, &want); err != nil {
			require.ErrorAs(t, err, new(*stdjson.UnmarshalTypeError), "only a number that no float holds is read by decode alone: %q", text)
			return
		}
		require.Equal(t, want, got, "%q", text)
	})
}

// hasMemberTwice reports whether an object of a JSON text has a member twice.
func hasMemberTwice(text []byte) bool {
	type level struct {
		members map[string]bool // nil: an array
		isName  bool            // the next string is a name
	}
	decoder := stdjson.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	levels := []level{{}}
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		top := &levels[len(levels)-1]
		name, isString := token.(string)
		if top.isName && isString {
			if top.members[name] {
				return true
			}
			top.members[name], top.isName = true, false
			continue
		}
		top.isName = top.members != nil
		switch token {
		case stdjson.Delim('{'):
			levels = append(levels, level{map[string]bool{}, true})
		case stdjson.Delim('['):
			levels = append(levels, level{})
		case stdjson.Delim('}'), stdjson.Delim(']'):
			levels = levels[:len(levels)-1]
		}
	}
}

// hasLoneSurrogate reports whether a JSON text has an escape that is half of a pair of surrogates.
func hasLoneSurrogate(text []byte) bool {
	escape := func(at int) rune { // 0: no escape of a rune begins here
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0
		}
		unit, err := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		if err != nil {
			return 0
		}
		return rune(unit)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if unit := escape(i); utf16.IsSurrogate(unit) {
			if utf16.DecodeRune(unit, escape(i+6)) == utf8.RuneError {
				return true
			}
			i += 10 // to the last byte but one of the pair
		}
		i++ // what the backslash escapes
	}
	return false
}
