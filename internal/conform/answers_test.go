package conform_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// onAnswer changes answers.
func onAnswer(change func(r *request, a *answer)) func() mutation {
	return func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			change(r, a)
			return a
		}
	}
}

// onSuccess changes answers with a status below 300, of these operations.
func onSuccess(change func(r *request, a *answer), operations ...string) func() mutation {
	return onAnswer(func(r *request, a *answer) {
		if a.status < 300 && r.is(operations...) {
			change(r, a)
		}
	})
}

// rewritten replaces text in the bodies of all answers.
func rewritten(pattern, text string) func() mutation {
	expression := regexp.MustCompile(pattern)
	return onAnswer(func(_ *request, a *answer) { a.body = expression.ReplaceAll(a.body, []byte(text)) })
}

// rewrittenWith is rewritten with a function of what was found.
func rewrittenWith(pattern string, change func(found string) string) func() mutation {
	expression := regexp.MustCompile(pattern)
	return onAnswer(func(_ *request, a *answer) {
		a.body = expression.ReplaceAllFunc(a.body, func(found []byte) []byte { return []byte(change(string(found))) })
	})
}

// onHeader changes a header that the answer has. "" drops it.
func onHeader(name string, change func(value string) string) func() mutation {
	return onAnswer(func(_ *request, a *answer) {
		value := a.header.Get(name)
		if value == "" {
			return
		}
		a.header.Del(name)
		if value = change(value); value != "" {
			a.header.Set(name, value)
		}
	})
}

func drop(string) string { return "" }

// entry is what the proxy reads of a user or an event in a list.
type entry struct {
	UserID    int64  `json:"user_id"`
	Operation string `json:"operation"`

	text json.RawMessage
}

// list changes a page of a list in place.
func (a *answer) list(change func(entries []entry, total int) ([]entry, int)) {
	var page map[string]json.RawMessage
	var total int
	var texts []json.RawMessage
	if json.Unmarshal(a.body, &page) != nil || json.Unmarshal(page["total"], &total) != nil {
		return // HEAD
	}
	member := "users"
	if page[member] == nil {
		member = "events"
	}
	if json.Unmarshal(page[member], &texts) != nil {
		return
	}
	entries := make([]entry, len(texts))
	for i, text := range texts {
		_ = json.Unmarshal(text, &entries[i])
		entries[i].text = text
	}
	entries, total = change(entries, total)
	texts = []json.RawMessage{}
	for _, e := range entries {
		texts = append(texts, e.text)
	}
	a.setJSON(map[string]any{member: texts, "total": total})
}

// onList changes the pages of these lists.
func onList(change func(entries []entry, total int) ([]entry, int), operations ...string) func() mutation {
	return onSuccess(func(_ *request, a *answer) { a.list(change) }, operations...)
}

var (
	lists = []string{"GET users", "GET administrators"}
	audit = "GET users/*/audit"
)

// setJSON replaces the body. It writes JSON as the server does, so an equal value is the same text.
func (a *answer) setJSON(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	a.body = append(text, '\n')
}

// problem changes the members of a problem in place.
func (a *answer) problem(change func(members map[string]any)) {
	var members map[string]any
	if a.status < 400 || json.Unmarshal(a.body, &members) != nil {
		return
	}
	change(members)
	a.setJSON(members)
}

// firstText returns a text of a body of JSON that is long enough to be found again, or "".
func firstText(body []byte) string {
	var members map[string]any
	if json.Unmarshal(body, &members) != nil {
		return ""
	}
	for _, name := range []string{"email", "phone", "nick_name", "password", "username"} {
		if text, ok := members[name].(string); ok && len(text) >= 6 && len(text) < 200 {
			return text
		}
	}
	return ""
}

// answerMutants are faults that show in single answers.
var answerMutants = []mutant{
	{name: "null is answered as false", proxy: rewritten(`"is_active":null`, `"is_active":false`)},
	{name: "null is left out", proxy: rewritten(`"is_active":null,`, ``)},
	{name: "false is left out", proxy: rewritten(`"is_active":false,`, ``)},
	{name: `"" is answered as null`, proxy: rewritten(`"phone":""`, `"phone":null`)},
	{name: "an empty list is answered as null", proxy: rewritten(`"(users|events|errors)":\[\]`, `"$1":null`)},
	{name: "a member that is null is missing", proxy: rewritten(`"origion":null,`, ``)},
	{name: "an id is a string", proxy: rewritten(`"(user_id|event_id)":(\d+)`, `"$1":"$2"`)},
	{name: "a log-in answers the number of somebody else", proxy: onSuccess(func(_ *request, a *answer) {
		a.body = regexp.MustCompile(`"user_id":\d+`).ReplaceAll(a.body, []byte(`"user_id":1`))
	}, "POST auth-token")},
	{name: "times have no fraction", proxy: rewritten(`(T\d\d:\d\d:\d\d)\.\d{6}Z`, `${1}Z`)},
	{name: "times have an offset", proxy: rewritten(`(T\d\d:\d\d:\d\d\.\d{6})Z`, `${1}+00:00`)},
	{name: "addresses are lower-cased", proxy: rewrittenWith(`"email":"[^"]*"`, strings.ToLower)},
	{name: "text is escaped for HTML", proxy: rewrittenWith(`"(phone|nick_name|origion)":"(\\.|[^"\\])*"`, strings.NewReplacer(`\u0026`, "&amp;", `\u003c`, "&lt;", `\u003e`, "&gt;").Replace)},
	{name: "text outside ASCII becomes ?", proxy: rewritten(`[^\x00-\x7f]`, `?`)},
	{name: "an update answers a member of its own", proxy: onSuccess(func(_ *request, a *answer) {
		a.body = bytes.Replace(a.body, []byte(`{`), []byte(`{"updated":true,`), 1)
	}, "PUT users/*")},
	{name: "an update answers the password", proxy: onSuccess(func(r *request, a *answer) {
		if sent := regexp.MustCompile(`"password":"(\\.|[^"\\])*"`).Find(r.body); sent != nil {
			a.body = bytes.Replace(a.body, []byte(`{`), append(append([]byte(`{`), sent...), ','), 1)
		}
	}, "PUT users/*")},

	{name: "invalid requests are 400", proxy: onAnswer(func(_ *request, a *answer) {
		if a.status == 422 {
			a.problem(func(members map[string]any) { members["status"] = 400 })
			a.status = 400
		}
	})},
	{name: "a new user is 200", proxy: onSuccess(func(_ *request, a *answer) { a.status = 200 }, "POST users")},
	{name: "204 is 200 with a body", proxy: onAnswer(func(_ *request, a *answer) {
		if a.status == 204 {
			a.status, a.body = 200, []byte(`{}`)
			a.header.Set("Content-Type", "application/json")
			a.header.Set("Content-Length", "2")
		}
	})},
	{name: "403 is 404", proxy: onAnswer(func(_ *request, a *answer) {
		if a.status == 403 {
			a.problem(func(members map[string]any) {
				members["status"], members["code"], members["type"] = 404, "not_found", "urn:userapi:problem:not_found"
			})
			a.status = 404
		}
	})},
	{name: "what is gone is deleted again", proxy: onAnswer(func(r *request, a *answer) {
		if a.status == 404 && r.is("DELETE users/*", "DELETE administrators/*") {
			a.status, a.body = 204, nil
			a.header.Del("Content-Type")
			a.header.Del("Content-Length")
		}
	})},
	{name: "405 is plain text", proxy: onAnswer(func(_ *request, a *answer) {
		if a.status == 405 {
			a.body = []byte("Method Not Allowed\n")
			a.header.Set("Content-Type", "text/plain; charset=utf-8")
		}
	})},

	{name: "X-Request-Id is dropped", proxy: onHeader("X-Request-Id", drop)},
	{name: "Cache-Control is dropped", proxy: onHeader("Cache-Control", drop)},
	{name: "X-Content-Type-Options is dropped", proxy: onHeader("X-Content-Type-Options", drop)},
	{name: "405 has no Allow", proxy: onHeader("Allow", drop)},
	{name: "a new user has no Location", proxy: onHeader("Location", drop)},
	{name: "Location has lost its prefix", proxy: onHeader("Location", func(value string) string {
		return strings.TrimPrefix(value, "/openapi/v1")
	})},
	{name: "HEAD has other headers", proxy: onAnswer(func(r *request, a *answer) {
		if r.method == http.MethodHead {
			a.header.Del("Etag")
			a.header.Set("Content-Type", "text/plain")
		}
	})},
	{name: "HEAD is not allowed", proxy: onAnswer(func(r *request, a *answer) {
		if r.method == http.MethodHead && a.status < 300 {
			a.status = 405
			a.header.Set("Allow", "GET")
		}
	})},
	{name: "problems are plain JSON", proxy: onHeader("Content-Type", func(value string) string {
		return strings.Replace(value, "problem+json", "json", 1)
	})},
	{name: "JSON is answered as text", proxy: onHeader("Content-Type", func(value string) string {
		return strings.Replace(value, "application/json", "text/plain; charset=utf-8", 1)
	})},
	{name: "answers are compressed", proxy: onAnswer(func(r *request, a *answer) {
		if len(a.body) == 0 || !strings.Contains(r.header.Get("Accept-Encoding"), "gzip") {
			return
		}
		var compressed bytes.Buffer
		w := gzip.NewWriter(&compressed)
		_, _ = w.Write(a.body)
		_ = w.Close()
		a.body = compressed.Bytes()
		a.header.Set("Content-Encoding", "gzip")
	})},

	{name: "pointers are lost", proxy: rewritten(`"pointer":"/[^"]*"`, `"pointer":""`)},
	{name: "only the first fault is listed", proxy: onAnswer(func(_ *request, a *answer) {
		if a.status == 422 {
			a.problem(func(members map[string]any) {
				if faults, ok := members["errors"].([]any); ok && len(faults) > 1 {
					members["errors"] = faults[:1]
				}
			})
		}
	})},
	{name: "an error repeats a value", proxy: onAnswer(func(r *request, a *answer) {
		if text := firstText(r.body); text != "" {
			a.problem(func(members map[string]any) {
				members["detail"] = fmt.Sprintf("%s You sent %s.", members["detail"], text)
			})
		}
	})},
	{name: "a problem has another request's id", proxy: onAnswer(func(_ *request, a *answer) {
		a.problem(func(members map[string]any) { members["request_id"] = "4QZ6YKPDXWWWWOOHTCTGXV3JHS" })
	})},

	{name: "an ETag is weak", proxy: func() mutation {
		return spelledETag(func(tag string) string { return "W/" + tag }, "W/", "")
	}},
	{name: "an update answers an ETag", proxy: onSuccess(func(_ *request, a *answer) { a.header.Set("ETag", `"2"`) }, "PUT users/*")},
	{name: "304 has no ETag", proxy: onAnswer(func(_ *request, a *answer) {
		if a.status == 304 {
			a.header.Del("ETag")
		}
	})},

	{name: "a total is off by one", proxy: onList(func(entries []entry, total int) ([]entry, int) { return entries, total + 1 }, lists...)},
	{name: "a total counts the page", proxy: onList(func(entries []entry, _ int) ([]entry, int) { return entries, len(entries) }, lists...)},
	{name: "a list is in another order", proxy: onList(reversed, lists...)},
	{name: "the audit is in another order", proxy: onList(reversed, audit)},
	{name: "the audit misses new passwords", proxy: onList(func(entries []entry, total int) ([]entry, int) {
		kept := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.Operation == "changePassword" })
		return kept, total - (len(entries) - len(kept))
	}, audit)},
	{name: "the audit misses log-outs", proxy: onList(func(entries []entry, total int) ([]entry, int) {
		kept := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.Operation == "deleteAuthToken" })
		return kept, total - (len(entries) - len(kept))
	}, audit)},
	{name: "the audit names no members", proxy: rewritten(`"fields":\[[^\]]+\]`, `"fields":[]`)},
	{name: "the audit names nobody", proxy: rewritten(`"actor_id":\d+`, `"actor_id":null`)},
}

func reversed(entries []entry, total int) ([]entry, int) {
	slices.Reverse(entries)
	return entries, total
}

// spelledETag spells tags in another way in answers, and understands this in requests.
func spelledETag(spell func(tag string) string, spelled, plain string) mutation {
	return func(p *proxy, r *request) *answer {
		for _, name := range []string{"If-Match", "If-None-Match"} {
			if sent := r.header.Get(name); sent != "" {
				r.header.Set(name, strings.ReplaceAll(sent, spelled, plain))
			}
		}
		a := p.forward(r)
		if tag := a.header.Get("ETag"); tag != "" {
			a.header.Set("ETag", spell(tag))
		}
		return a
	}
}

// pages are faults of lists that need another look at the server.
var pageMutants = []mutant{
	{name: "a page size is ignored", proxy: onQuery(func(query url.Values) { query.Del("page_size") })},
	{name: "a page is ignored", proxy: onQuery(func(query url.Values) { query.Del("page") })},
	{name: "a page size of 1,000 becomes 100", proxy: corrected(422, func(r *request) bool {
		query := r.query()
		size, err := strconv.ParseInt(query.Get("page_size"), 10, 64)
		if err != nil || size <= 100 {
			return false
		}
		query.Set("page_size", "100")
		r.setQuery(query)
		return true
	})},
	{name: "a search is ignored", proxy: onQuery(func(query url.Values) { query.Del("query") })},
	{name: "an enterprise is ignored", proxy: onQuery(func(query url.Values) { query.Del("eid") })},
	{name: "the last page is repeated", proxy: func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if !r.is(append(lists, audit)...) || a.status != 200 || r.query().Get("page") == "" {
				return a
			}
			a.list(func(entries []entry, total int) ([]entry, int) {
				size, err := strconv.Atoi(r.query().Get("page_size"))
				if err != nil {
					size = 10
				}
				if len(entries) == 0 && total > 0 {
					last, query := r.clone(), r.query()
					query.Set("page", strconv.Itoa((total+size-1)/size))
					last.setQuery(query)
					p.roundTrip(last).list(func(found []entry, _ int) ([]entry, int) {
						entries = found
						return found, total
					})
				}
				return entries, total
			})
			return a
		}
	}},
	{name: "a new user is listed late", proxy: func() mutation {
		var newest int64
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if r.is("POST users") && a.status == 201 {
				var created entry
				_ = json.Unmarshal(a.body, &created)
				newest = created.UserID
			}
			if r.is("GET users") && a.status == 200 {
				a.list(func(entries []entry, total int) ([]entry, int) {
					kept := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.UserID == newest })
					return kept, total - (len(entries) - len(kept))
				})
				newest = 0
			}
			return a
		}
	}},
}

// onQuery changes the queries of lists that succeed.
func onQuery(change func(query url.Values)) func() mutation {
	return func() mutation {
		return func(p *proxy, r *request) *answer {
			a := p.forward(r)
			if !r.is(append(lists, audit)...) || a.status != 200 {
				return a
			}
			query := r.query()
			change(query)
			r.setQuery(query)
			changed := p.roundTrip(r)
			if bytes.Equal(a.body, changed.body) {
				return a
			}
			return changed
		}
	}
}
