package mock

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// mask stands for something that the journal does not show.
const mask = "***"

// shortSecret is the length up to which a secret is not searched for in other places, in bytes: it would be found everywhere.
const shortSecret = 5

// madeToken matches the tokens that the server makes.
var madeToken = regexp.MustCompile(`ua_[A-Za-z0-9_-]{43}`)

// secretName matches the names that passwords and tokens may have if the contract does not name them.
var secretName = regexp.MustCompile(`(?i)pass|secret|token`)

// secrets are the token and the passwords of one request. A client that sends them to the right place may by mistake send
// them to another one, too.
type secrets []string

// newSecrets returns the known secrets and the credentials in the header Authorization, whose scheme may be unknown.
func newSecrets(known secrets, header http.Header) secrets {
	s := slices.Clone(known)
	for _, line := range header.Values("Authorization") {
		_, credential := splitScheme(line)
		s = s.with(credential)
		if fields := strings.Fields(line); len(fields) > 1 {
			s = s.with(fields[len(fields)-1])
		}
	}
	return s
}

func (s secrets) with(secret string) secrets {
	if len(secret) <= shortSecret {
		return s
	}
	return append(s, secret)
}

// in reports whether a text has a secret in it.
func (s secrets) in(text string) bool {
	for _, secret := range s {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return madeToken.MatchString(text)
}

func (s secrets) mask(text string) string {
	if s.in(text) {
		return mask
	}
	return text
}

// shownHeaders are the headers whose values the journal shows: those of the contract, of HTTP and of tracing. A client
// may by mistake put a token into any other one.
var shownHeaders = strings.Fields(`Accept Accept-Charset Accept-Encoding Accept-Language Access-Control-Request-Headers
	Access-Control-Request-Method Cache-Control Connection Content-Encoding Content-Language Content-Length Content-Type
	Date Expect Forwarded From Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive
	Max-Forwards Origin Pragma Prefer Priority Range Te Traceparent Trailer Transfer-Encoding Upgrade User-Agent Via
	X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Request-Id`)

// maskHeader returns the header of a request without secrets, and with Host.
func maskHeader(r *http.Request, s secrets) map[string][]string {
	masked := map[string][]string{"Host": {s.mask(r.Host)}}
	for name, lines := range r.Header {
		name = s.mask(name)
		for _, line := range lines {
			switch {
			case name == "Authorization":
				scheme, credential := splitScheme(line)
				line = scheme + maskText(credential)
			case !slices.Contains(shownHeaders, name):
				line = maskText(line)
			}
			masked[name] = append(masked[name], s.mask(line))
		}
	}
	if len(r.TransferEncoding) > 0 {
		masked["Transfer-Encoding"] = r.TransferEncoding // net/http has taken it out of the header
	}
	return masked
}

// splitScheme returns the scheme of a credential with the white space after it, or "" if there is none that is well known:
// then the first word may belong to the token.
func splitScheme(line string) (scheme, credential string) {
	trimmed := strings.TrimLeft(line, " \t")
	first, _, _ := strings.Cut(trimmed, " ")
	for _, known := range []string{"Bearer", "Basic", "Digest"} {
		if strings.EqualFold(first, known) {
			credential = strings.Trim(trimmed[len(first):], " \t")
			return strings.TrimSuffix(strings.TrimRight(trimmed, " \t"), credential), credential
		}
	}
	return "", strings.Trim(line, " \t")
}

// maskText replaces a text that is not empty.
func maskText(text string) string {
	if text == "" {
		return ""
	}
	return mask
}

// maskTarget returns the target of a request as it was sent, without secrets. It masks the values of query parameters that
// the operation does not name.
func maskTarget(r *http.Request, shape *shape, s secrets) string {
	path, query, hasQuery := strings.Cut(r.RequestURI, "?")
	if r.URL.User != nil { // the target is a whole URL
		path = r.URL.Scheme + "://" + mask + "@" + r.URL.Host + r.URL.EscapedPath()
	} else if strings.Contains(path, "@") {
		path = mask // no path of the contract has one, and what is before it may be a password
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if s.in(unescape(segment, url.PathUnescape)) {
			segments[i] = mask
		}
	}
	path = s.maskEscaped(strings.Join(segments, "/"), url.PathUnescape)
	if !hasQuery {
		return path
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, hasValue := strings.Cut(pair, "=")
		decoded := unescape(name, url.QueryUnescape)
		if !shape.hasQuery(decoded) || strings.Contains(value, ";") { // some clients separate pairs with it
			value = maskText(value)
		}
		pairs[i] = s.maskEscaped(name, url.QueryUnescape)
		if hasValue {
			pairs[i] += "=" + s.maskEscaped(value, url.QueryUnescape)
		}
	}
	return path + "?" + s.maskEscaped(strings.Join(pairs, "&"), url.QueryUnescape)
}

func (s secrets) maskEscaped(text string, decode func(string) (string, error)) string {
	if s.in(unescape(text, decode)) {
		return mask
	}
	return text
}

// decodePointer undoes the escapes of a JSON Pointer (RFC 6901 §4).
func decodePointer(pointer string) (string, error) {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(pointer), nil
}

// unescape returns a text that cannot be decoded as it is.
func unescape(text string, decode func(string) (string, error)) string {
	decoded, err := decode(text)
	if err != nil {
		return text
	}
	return decoded
}

// span is a part of a body, from the byte from up to the byte to.
type span struct{ from, to int }

func (s span) of(body []byte) []byte { return body[s.from:s.to] }

// member is one member of the object in a body. The value is empty if the body stops being JSON before.
type member struct {
	name        string
	label, span span
}

// scanned is what a body contains, as far as it is JSON. An object may have a member twice, and strings may have
// bytes that are not UTF-8.
type scanned struct {
	isObject bool
	members  []member
	value    span // if it is not an object
	valid    int  // how many bytes are the beginning of a JSON text
	isJSON   bool // the whole body is one JSON text
}

// scan reads a body, which may be anything.
func scan(body []byte) (found scanned) {
	from := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	next := func() (value span, ok bool) {
		text, err := from.ReadValue()
		if err != nil {
			return span{}, false
		}
		found.valid = int(from.InputOffset())
		return span{found.valid - len(text), found.valid}, true
	}
	if found.isObject = from.PeekKind() == '{'; found.isObject {
		if !found.scanObject(from, next) {
			return found
		}
	} else {
		var ok bool
		if found.value, ok = next(); !ok {
			return found
		}
	}
	_, err := from.ReadToken()
	found.isJSON = errors.Is(err, io.EOF)
	return found
}

// scanObject reports whether the object is JSON up to its end.
func (f *scanned) scanObject(from *jsontext.Decoder, next func() (span, bool)) bool {
	token := func() bool {
		_, err := from.ReadToken()
		f.valid = int(from.InputOffset())
		return err == nil
	}
	if !token() {
		return false
	}
	for from.PeekKind() != '}' {
		label, ok := next()
		if !ok {
			return false
		}
		text, ok := next()
		if !ok {
			text = span{label.to, label.to}
		}
		f.members = append(f.members, member{"", label, text})
		if !ok {
			return false
		}
	}
	return token()
}

// maskBody returns a body without secrets, and the secrets with the passwords in the body. The values of members that the operation
// does not name are masked, too: a password with a misspelt name is still a password. So is everything after the
// byte at which the body stops being JSON, except null, true and false, which are never secrets.
func maskBody(body []byte, shape *shape, s secrets) ([]byte, secrets) {
	found := scan(body)
	for i, m := range found.members {
		name := unquote(m.label.of(body))
		found.members[i].name = name
		if shape.isSecret(name) || secretName.MatchString(name) {
			s = s.with(unquote(m.span.of(body)))
		}
	}
	var masked bytes.Buffer
	done := 0
	replace := func(part span, isSecret bool) {
		text := part.of(body)
		if isSecret && len(text) > 0 && text[0] != 'n' && text[0] != 't' && text[0] != 'f' || s.in(unquote(text)) {
			masked.Write(body[done:part.from])
			masked.WriteString(`"` + mask + `"`)
			done = part.to
		}
	}
	if !found.isObject {
		replace(found.value, true)
	}
	for _, m := range found.members {
		replace(m.label, false)
		replace(m.span, !shape.isShown(m.name, m.span.of(body)))
	}
	for found.valid < len(body) && strings.IndexByte(" \t\r\n,:", body[found.valid]) >= 0 {
		found.valid++
	}
	masked.Write(body[done:found.valid])
	if found.valid < len(body) {
		masked.WriteString(mask)
	}
	return masked.Bytes(), s
}

// unquote returns what a JSON string means, and any other value as it is.
func unquote(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return string(value)
	}
	text, _ := jsontext.AppendUnquote(nil, value) // the error is about bytes that are not UTF-8
	return string(text)
}
