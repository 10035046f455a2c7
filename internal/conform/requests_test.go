package conform_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// onRequest changes requests.
func onRequest(change func(r *request)) func() mutation {
	return func() mutation {
		return func(p *proxy, r *request) *answer {
			change(r)
			return p.forward(r)
		}
	}
}

// onRequestHeader changes a header that the request has. "" drops it.
func onRequestHeader(name string, change func(value string) string, operations ...string) func() mutation {
	return onRequest(func(r *request) {
		value := r.header.Get(name)
		if value == "" || len(operations) > 0 && !r.is(operations...) {
			return
		}
		r.header.Del(name)
		if value = change(value); value != "" {
			r.header.Set(name, value)
		}
	})
}

// corrected corrects requests that the server has refused with this status, and sends them again.
// correct returns false if it cannot correct a request.
func corrected(status int, correct func(r *request) bool) func() mutation {
	return func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if a.status == status && correct(r) {
				return p.forward(r)
			}
			return a
		}
	}
}

// withoutMembers removes the members from a body that is one object.
func (r *request) withoutMembers(unwanted func(name string, value json.RawMessage) bool) (removed bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.body, &members) != nil {
		return false
	}
	for name, value := range members {
		if unwanted(name, value) {
			delete(members, name)
			removed = true
		}
	}
	r.body, _ = json.Marshal(members)
	return removed
}

// inContract reports whether a body of the contract has such a member.
func inContract(name string) bool {
	return slices.Contains(strings.Fields("nick_name password password1 enterprise_id email phone is_active origion user_id eid username"), name)
}

// leadingZeros finds the id of a user that begins with zeros.
var leadingZeros = regexp.MustCompile(`^(/openapi/v1/(?:users|administrators)/)0+([1-9])`)

// requestMutants are faults of a gateway that changes requests, or answers some of them itself.
var requestMutants = []mutant{
	{name: "If-Match is ignored", proxy: onRequestHeader("If-Match", drop)},
	{name: "If-Match is ignored by DELETE", proxy: onRequestHeader("If-Match", drop, "DELETE users/*", "DELETE administrators/*")},
	{name: "If-None-Match is ignored", proxy: onRequestHeader("If-None-Match", drop)},
	{name: "If-Match takes weak tags", proxy: onRequestHeader("If-Match", func(value string) string {
		return strings.ReplaceAll(value, "W/", "")
	})},
	{name: "If-Match takes * for a tag", proxy: onRequestHeader("If-Match", func(value string) string {
		if value == "*" {
			return `"*"`
		}
		return value
	})},
	{name: "an ETag never changes", proxy: func() mutation {
		return func(p *proxy, r *request) *answer {
			for _, name := range []string{"If-Match", "If-None-Match"} {
				if strings.Contains(r.header.Get(name), `"1"`) {
					r.header.Set(name, "*")
				}
			}
			a := p.forward(r)
			if a.header.Get("ETag") != "" {
				a.header.Set("ETag", `"1"`)
			}
			return a
		}
	}},
	{name: "a token without a scheme is refused", proxy: onRequestHeader("Authorization", func(value string) string {
		if strings.Contains(value, " ") {
			return value
		}
		return ""
	})},

	{name: "unknown members are taken", proxy: corrected(422, func(r *request) bool {
		return r.withoutMembers(func(name string, _ json.RawMessage) bool { return !inContract(name) })
	})},
	{name: "null is taken for absent in other members", proxy: corrected(422, func(r *request) bool {
		return r.withoutMembers(func(name string, value json.RawMessage) bool { return name != "is_active" && string(value) == "null" })
	})},
	{name: "a number is taken for a boolean", proxy: corrected(422, func(r *request) bool {
		before := r.body
		r.body = regexp.MustCompile(`"is_active":0`).ReplaceAll(r.body, []byte(`"is_active":false`))
		r.body = regexp.MustCompile(`"is_active":[1-9]`).ReplaceAll(r.body, []byte(`"is_active":true`))
		return !bytes.Equal(before, r.body)
	})},
	{name: "a member twice is taken", proxy: corrected(400, func(r *request) bool {
		var members map[string]json.RawMessage
		if !utf8.Valid(r.body) || bytes.Contains(r.body, []byte(`\ud8`)) || json.Unmarshal(r.body, &members) != nil {
			return false
		}
		r.body, _ = json.Marshal(members)
		return true
	})},
	{name: "text after the body is taken", proxy: corrected(400, func(r *request) bool {
		var first json.RawMessage
		err := json.NewDecoder(bytes.NewReader(r.body)).Decode(&first)
		if err != nil || len(bytes.TrimSpace(r.body)) == len(first) {
			return false
		}
		r.body = first
		return true
	})},
	{name: "no body is taken for {}", proxy: corrected(400, func(r *request) bool {
		if len(r.body) > 0 || r.header.Get("If-Match") != "" {
			return false
		}
		r.body = []byte(`{}`)
		r.header.Set("Content-Type", "application/json")
		return true
	})},
	{name: "any media type is taken", proxy: corrected(415, func(r *request) bool {
		r.header.Set("Content-Type", "application/json")
		return r.header.Get("Content-Encoding") == ""
	})},
	{name: "PATCH is taken for PUT", proxy: corrected(405, func(r *request) bool {
		patch := r.method == http.MethodPatch
		r.method = http.MethodPut
		return patch
	})},
	{name: "zeros before an id are taken", proxy: corrected(404, func(r *request) bool {
		before := r.target
		r.target = leadingZeros.ReplaceAllString(before, "$1$2")
		return r.target != before
	})},

	{name: "401 for everything", proxy: onAnswer(refuse), unjudged: true},
	{name: "401 for everything after 300 requests", proxy: func() mutation {
		requests := 0
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if requests++; requests > 300 {
				refuse(r, a)
			}
			return a
		}
	}},
	{name: "500 now and then", proxy: everyNth(70, func(a *answer) {
		a.setProblem(500, "internal_error", "Internal error")
	})},
	{name: "503 without Retry-After", proxy: everyNth(70, func(a *answer) {
		a.setProblem(503, "unavailable", "Unavailable")
	})},
	{name: "a page of HTML now and then", proxy: everyNth(70, func(a *answer) {
		a.status, a.body = 502, []byte("<html><h1>502 Bad Gateway</h1></html>")
		a.header = http.Header{"Content-Type": {"text/html"}, "Content-Length": {"0"}}
	})},
	{name: "a connection ends now and then", proxy: func() mutation {
		writes := 0
		return func(p *proxy, r *request) *answer {
			if r.method == http.MethodPut || r.method == http.MethodPost {
				if writes++; writes%70 == 0 {
					return nil
				}
			}
			return p.forward(r)
		}
	}},

	{name: "GET is stale by one", proxy: func() mutation {
		kept := map[string]*answer{}
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if !r.is("GET users/*") || a.status != 200 {
				return a
			}
			key := r.target + r.header.Get("Authorization")
			before := kept[key]
			kept[key] = a.clone()
			if before == nil || bytes.Equal(before.body, a.body) && before.header.Get("ETag") == a.header.Get("ETag") {
				return a
			}
			a.body = before.body
			a.header.Set("ETag", before.header.Get("ETag"))
			return a
		}
	}},
	{name: "GET is shared between tokens", proxy: func() mutation {
		kept := map[string]*answer{}
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if r.is("PUT users/*", "DELETE users/*", "PUT users/*/changepwd", "DELETE administrators/*", "POST administrators") {
				clear(kept)
			}
			if !r.is("GET users/*") {
				return a
			}
			if a.status == 200 {
				kept[r.target] = a.clone()
			} else if before := kept[r.target]; before != nil && a.status != 304 && a.status != 412 {
				return a.as(before)
			}
			return a
		}
	}},
	{name: "a deleted user can still be read", proxy: func() mutation {
		kept := map[string]*answer{}
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if !r.is("GET users/*") {
				return a
			}
			key := r.target + r.header.Get("Authorization")
			if a.status == 200 {
				kept[key] = a.clone()
			} else if before := kept[key]; before != nil && a.status == 404 {
				return a.as(before)
			}
			return a
		}
	}},
	{name: "users of other enterprises can be read", proxy: func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if r.is("GET users/*") && a.status == 404 {
				if found := p.ask("GET", r.target); found.status == 200 {
					return a.as(found)
				}
			}
			return a
		}
	}},
	{name: "a hidden user is 403", proxy: func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if r.is("GET users/*", "PUT users/*") && a.status == 404 && p.ask("GET", r.target).status == 200 {
				a.setProblem(403, "forbidden", "Forbidden")
			}
			return a
		}
	}},
	{name: "everybody may change is_active", proxy: func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if r.is("PUT users/*") && a.status == 403 && bytes.Contains(a.body, []byte(`"/is_active"`)) {
				r.header.Set("Authorization", "Bearer "+p.server.Token)
				return p.forward(r)
			}
			return a
		}
	}},
	{name: "everybody may create users", proxy: func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if r.is("POST users") && a.status == 403 {
				r.header.Set("Authorization", "Bearer "+p.server.Token)
				return p.forward(r)
			}
			return a
		}
	}},
}

// refuse turns an answer into 401.
func refuse(r *request, a *answer) {
	code := "unauthenticated"
	if r.is("POST auth-token") {
		code = "invalid_credentials"
	}
	a.setProblem(401, code, "Unauthenticated")
	if r.method == http.MethodHead {
		a.body = nil
	}
}

// everyNth replaces an answer now and then, without asking the server.
func everyNth(n int, replace func(a *answer)) func() mutation {
	return func() mutation {
		requests := 0
		return func(p *proxy, r *request) *answer {
			if requests++; requests%n != 0 {
				return p.forward(r)
			}
			a := &answer{header: http.Header{
				"X-Request-Id": {rand.Text()}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "Content-Length": {"0"},
			}}
			replace(a)
			if r.method == http.MethodHead {
				a.body = nil
			}
			return a
		}
	}
}

// setProblem replaces the answer by a problem. It keeps the headers that every answer has.
func (a *answer) setProblem(status int, code, title string) {
	header := http.Header{"Content-Type": {"application/problem+json"}, "Content-Length": {"0"}}
	for _, name := range []string{"X-Request-Id", "Cache-Control", "X-Content-Type-Options", "Date"} {
		header[name] = a.header[name]
	}
	a.status, a.header = status, header
	a.setJSON(map[string]any{
		"type": "urn:userapi:problem:" + code, "title": title, "status": status, "detail": fmt.Sprint(title, "."),
		"code": code, "request_id": header.Get("X-Request-Id"), "errors": []any{},
	})
}

// as returns the other answer with the id of this one.
func (a *answer) as(other *answer) *answer {
	copied := other.clone()
	copied.header["X-Request-Id"] = a.header["X-Request-Id"]
	return copied
}
