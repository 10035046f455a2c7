package mock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"userapi/internal/contract"
)

// The headers with which the mock tells what has become of the preferences of a request.
const (
	headerApplied = "Preference-Applied" // RFC 7240 §3
	headerIgnored = "Prefer-Ignored"     // a sentence in each line
)

// MaxDelay is the longest delay that a client can ask for.
const MaxDelay = time.Minute

// afterDelay is how long an answer may take after a delay. The limit of the server begins when the request arrives.
const afterDelay = 30 * time.Second

// Prefer gives clients what they ask for in the header Prefer (RFC 7240): an answer of the contract instead of the
// server's, a delay, or a connection that ends. It is safe for concurrent use.
type Prefer struct {
	contract   *contract.Contract
	operations map[*contract.Operation]answers
}

// NewPrefer fails if the contract documents an answer that cannot be made.
func NewPrefer(c *contract.Contract) (*Prefer, error) {
	p := &Prefer{contract: c, operations: map[*contract.Operation]answers{}}
	codes := problemCodes(c)
	for _, operation := range c.Operations() {
		all, err := answersOf(described(c, operation), codes)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", operation.Method, operation.Path, err)
		}
		p.operations[operation] = answers{described(c, operation).OperationID, all}
	}
	return p, nil
}

// Wrap returns a handler that calls next for everything that a request does not ask for. RequestID returns the id of a
// new request, for answers that next does not give. When hurry is closed, no request waits any more.
func (p *Prefer) Wrap(next http.Handler, requestID func() string, hurry <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := r.Header.Values("Prefer")
		if len(lines) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		plan := p.plan(r, lines)
		for _, reason := range plan.ignored {
			w.Header().Add(headerIgnored, reason)
		}
		if len(plan.applied) > 0 {
			w.Header().Set(headerApplied, strings.Join(plan.applied, ", "))
		}
		answerer := next
		if plan.answer != nil {
			answerer = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plan.answer.write(w, requestID()) })
		}
		plan.carryOut(answerer, w, r, hurry)
	})
}

// The values of the preference drop.
const (
	dropBefore = "before" // the server does not see the request
	dropAfter  = "after"  // the client does not see the answer
)

// plan is what a request is given of what it prefers.
type plan struct {
	answer  *answer // nil: the server's
	delay   time.Duration
	drop    string   // "": the connection does not end
	applied []string // as in Preference-Applied
	ignored []string // a sentence for each preference that is not given
}

func (p *plan) apply(name, value string) { p.applied = append(p.applied, name+"="+value) }

func (p *plan) ignore(format string, values ...any) {
	p.ignored = append(p.ignored, fmt.Sprintf(format, values...))
}

func (p *Prefer) plan(r *http.Request, lines []string) *plan {
	made := &plan{}
	wanted, hasParameters, err := parsePrefer(lines)
	if err != nil {
		made.ignore("%s.", sentenceCase(err.Error()))
		return made
	}
	p.chooseAnswer(made, r, wanted)
	made.chooseDelay(wanted)
	made.chooseDrop(wanted)
	for name := range wanted {
		if !slices.Contains([]string{"code", "problem", "example", "delay", "drop"}, name) {
			made.ignore("Only code, problem, example, delay and drop are preferences here.")
			break
		}
	}
	if hasParameters {
		made.ignore("No preference has parameters, so separate preferences with a comma, not with a semicolon.")
	}
	return made
}

func (p *Prefer) chooseAnswer(made *plan, r *http.Request, wanted preferences) {
	names := slices.DeleteFunc([]string{"code", "problem", "example"}, func(name string) bool {
		_, sent := wanted[name]
		return !sent
	})
	if len(names) == 0 {
		return
	}
	operation := p.contract.Find(r.Method, r.URL.EscapedPath())
	if operation == nil {
		made.ignore("The contract has no operation with this method and path.")
		return
	}
	chosen, reason := p.operations[operation].choose(wanted, names)
	if made.answer = chosen; chosen == nil {
		made.ignored = append(made.ignored, reason)
		return
	}
	for _, name := range names {
		made.apply(name, wanted[name])
	}
}

func (p *plan) chooseDelay(wanted preferences) {
	value, sent := wanted["delay"]
	if !sent {
		return
	}
	milliseconds, err := strconv.ParseUint(value, 10, 31)
	delay := time.Duration(milliseconds) * time.Millisecond
	if err != nil || delay > MaxDelay {
		p.ignore("A delay is a number of milliseconds from 0 to %d, as in delay=1500.", MaxDelay.Milliseconds())
		return
	}
	p.delay = delay
	p.apply("delay", value)
}

func (p *plan) chooseDrop(wanted preferences) {
	switch value, sent := wanted["drop"]; {
	case value == dropBefore || value == dropAfter:
		p.drop = value
		p.apply("drop", value)
	case sent:
		p.ignore("A connection can be dropped with drop=before or with drop=after.")
	}
}

// answers are the answers that the contract documents for an operation.
type answers struct {
	operationID string
	all         []answer
}

// choose returns the first answer that has all that is wanted, or the reason why there is none. Names are the
// preferences that choose an answer: code, problem and example, in this order.
func (a answers) choose(wanted preferences, names []string) (chosen *answer, reason string) {
	left := a.all
	for _, name := range names {
		values := distinct(left, func(one answer) string { return one.property(name) })
		fitting := slices.DeleteFunc(slices.Clone(left), func(one answer) bool {
			return wanted[name] == "" || one.property(name) != wanted[name]
		})
		if len(fitting) == 0 {
			return nil, a.explain(name, values, wanted["code"] != "" && name != "code")
		}
		left = fitting
	}
	if statuses := distinct(left, func(one answer) string { return one.property("code") }); len(statuses) > 1 {
		return nil, fmt.Sprintf("The contract has this example for several statuses of %s, so choose one with code: %s.", a.operationID, list(statuses))
	}
	return &left[0], ""
}

// explain says which values a preference can have.
func (a answers) explain(name string, values []string, ofThisCode bool) string {
	what := map[string]string{"code": "status", "problem": "problem", "example": "example"}[name]
	of := a.operationID
	if ofThisCode {
		of = "this answer of " + of
	}
	if len(values) == 0 {
		return fmt.Sprintf("The contract has no %s for %s.", what, of)
	}
	return fmt.Sprintf("The contract has no such %s for %s, but it has %s.", what, of, list(values))
}

// property returns what a preference is compared with.
func (a answer) property(name string) string {
	switch name {
	case "code":
		return strconv.Itoa(a.status)
	case "problem":
		return a.problem
	}
	return a.example
}

// distinct returns the values that are not empty, each of them once.
func distinct(all []answer, value func(answer) string) (values []string) {
	for _, one := range all {
		if v := value(one); v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

// list writes values as in "a, b and c".
func list(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + " and " + values[last]
}

// carryOut lets next answer. It panics with [http.ErrAbortHandler] to end the connection without an answer.
func (p *plan) carryOut(next http.Handler, w http.ResponseWriter, r *http.Request, hurry <-chan struct{}) {
	if p.drop == dropAfter {
		w = throwAway(w)
	}
	if p.answer != nil || p.delay > 0 || p.drop == dropBefore {
		w, r = readAhead(w, r)
	}
	if p.delay > 0 {
		wait(p.delay, w, r, hurry)
	}
	if p.drop != dropBefore {
		next.ServeHTTP(w, r)
	}
	if p.drop != "" {
		panic(http.ErrAbortHandler)
	}
}

// readAhead returns the request with the body in memory. A client that waits for an answer then has sent its body, the
// connection can serve the next request, and net/http notices when the client leaves.
func readAhead(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	ahead := r.WithContext(r.Context()) // a copy
	read, err := io.ReadAll(io.LimitReader(r.Body, contract.MaxBody+1))
	if err != nil || len(read) > contract.MaxBody {
		ahead.Body = readAheadBody{io.MultiReader(bytes.NewReader(read), r.Body), r.Body} // after an error, r.Body fails again
		return w, ahead
	}
	ahead.Body = readAheadBody{bytes.NewReader(read), r.Body}
	return bodyHasEnded{w}, ahead
}

type readAheadBody struct {
	io.Reader
	io.Closer
}

// bodyHasEnded is the writer of an answer to a request whose body was read to its end. From then on, net/http reads the
// connection itself, and a deadline that the server sets to read the body would break that.
type bodyHasEnded struct{ http.ResponseWriter }

// SetReadDeadline is what [http.ResponseController.SetReadDeadline] calls.
func (bodyHasEnded) SetReadDeadline(time.Time) error { return nil }

// Unwrap is what [http.ResponseController] calls to set other deadlines.
func (b bodyHasEnded) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// wait waits until hurry is closed at the latest. If the client leaves or the server stops, the request ends.
func wait(delay time.Duration, w http.ResponseWriter, r *http.Request, hurry <-chan struct{}) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(delay + afterDelay)) // it fails only if there is no connection
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// write sends the answer. A problem has the id of the request, too.
func (a *answer) write(w http.ResponseWriter, requestID string) {
	header := w.Header()
	maps.Copy(header, a.header)
	header.Set("X-Request-Id", requestID)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	body := a.body
	if a.problem != "" {
		problem := maps.Clone(a.body.(map[string]any))
		problem["request_id"] = requestID
		body = problem
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // people read the answer, too
	_ = encoder.Encode(body)     // it comes from JSON
	header.Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(a.status)
	_, _ = w.Write(text.Bytes()) // an error means that the client has left
}
