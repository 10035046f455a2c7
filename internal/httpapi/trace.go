package httpapi

import (
	"net/http"
	"regexp"
	"strings"
)

// The headers that connect a request with the logs of others, by their canonical names.
const (
	headerTraceparent = "Traceparent"
	headerXRequestID  = "X-Request-Id"
)

// requestIDForm is what an id of a proxy looks like.
var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// trace is what the log says about a request so that it can be found in the logs of others. Only valid values are in
// it, which cannot be anything but ids.
type trace struct {
	id             string // of the trace; "": none
	proxyRequestID string // "": none
}

// traceOf reads the headers of a request. Only a trusted proxy may name the request.
func (s *Server) traceOf(r *http.Request) (t trace) {
	if lines := r.Header[headerTraceparent]; len(lines) == 1 {
		t.id = traceID(lines[0])
	}
	if lines := r.Header[headerXRequestID]; len(lines) == 1 {
		if peer, _ := parseForwarded(r.RemoteAddr); s.isTrusted(peer) && isRequestID(lines[0]) {
			t.proxyRequestID = lines[0]
		}
	}
	return t
}

// traceID returns the trace-id of a traceparent, or "" if the header is not valid. Of a version that is not known
// yet, only the beginning is read, which has the form of version 00. Source: W3C Trace Context level 1, §3.2 and §4.3.
func traceID(traceparent string) string {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(traceparent) < length {
		return ""
	}
	fields := strings.Split(traceparent[:length], "-")
	rest := traceparent[length:]
	if len(fields) != 4 || !isHex(fields[0], 2) || !isHex(fields[1], 32) || !isHex(fields[2], 16) || !isHex(fields[3], 2) {
		return ""
	}
	isLater := fields[0] != "00" && strings.HasPrefix(rest, "-")
	if fields[0] == "ff" || rest != "" && !isLater || isZero(fields[1]) || isZero(fields[2]) {
		return ""
	}
	return fields[1]
}

// isHex reports whether the text has so many hexadecimal digits in lower case, and nothing else.
func isHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdef") == ""
}

func isZero(digits string) bool { return strings.Trim(digits, "0") == "" }

// isRequestID reports whether a text can be the id of a request. Other texts could imitate an attribute of the log.
func isRequestID(text string) bool { return requestIDForm.MatchString(text) }
