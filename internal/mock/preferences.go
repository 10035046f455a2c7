package mock

import (
	"errors"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// preferences are the values of the preferences in a request, by name in small letters. A preference without a value
// has the value "" (RFC 7240 §2).
type preferences map[string]string

var errMalformedPrefer = errors.New("the header Prefer is not a list of preferences as in RFC 7240")

// parsePrefer reads the lines of the header Prefer. The first of a repeated preference counts. hasParameters reports whether
// a preference has a parameter.
func parsePrefer(lines []string) (wanted preferences, hasParameters bool, err error) {
	wanted = preferences{}
	for _, line := range lines {
		s := scanner{line}
		for s.skip(" \t,"); s.rest != ""; s.skip(" \t,") {
			name, value, ok := s.pair()
			if !ok {
				return nil, false, errMalformedPrefer
			}
			name = strings.ToLower(name)
			if _, repeated := wanted[name]; !repeated {
				wanted[name] = value
			}
			for s.take(';') {
				if parameter, _, ok := s.pair(); ok {
					hasParameters = true
				} else if parameter != "" {
					return nil, false, errMalformedPrefer
				}
			}
			if s.rest != "" && s.rest[0] != ',' {
				return nil, false, errMalformedPrefer
			}
		}
	}
	return wanted, hasParameters, nil
}

// scanner reads a header from left to right.
type scanner struct{ rest string }

func (s *scanner) skip(characters string) { s.rest = strings.TrimLeft(s.rest, characters) }

// take skips white space and reports whether the next character is this one, and skips it too.
func (s *scanner) take(character byte) bool {
	s.skip(" \t")
	if s.rest == "" || s.rest[0] != character {
		return false
	}
	s.rest = s.rest[1:]
	s.skip(" \t")
	return true
}

// pair reads a token that may be followed by = and a word. If it fails, name is "" only if there is no token.
func (s *scanner) pair() (name, value string, ok bool) {
	name = s.token()
	if name == "" || !s.take('=') {
		return name, "", name != ""
	}
	if strings.HasPrefix(s.rest, `"`) {
		value, ok = s.quoted()
		return name, value, ok
	}
	value = s.token()
	return name, value, value != ""
}

func (s *scanner) token() string {
	end := strings.IndexFunc(s.rest, func(r rune) bool { return !httpguts.IsTokenRune(r) })
	if end < 0 {
		end = len(s.rest)
	}
	token := s.rest[:end]
	s.rest = s.rest[end:]
	return token
}

// quoted reads a quoted string (RFC 9110 §5.6.4).
func (s *scanner) quoted() (string, bool) {
	var text strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '"':
			s.rest = s.rest[i+1:]
			return text.String(), true
		case '\\':
			if i++; i == len(s.rest) {
				return "", false
			}
		}
		text.WriteByte(s.rest[i])
	}
	return "", false
}
