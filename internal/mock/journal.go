package mock

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"userapi/internal/contract"
)

// JournalSize is how many requests a [Journal] keeps. A usual one takes 2 KB of memory, and none takes more than 200 KB: at
// most 160 KB for a body of 64 KiB, which can grow when it is masked, 20 KB for its head and 20 KB for the faults of its answer. So the
// worst case is 200 MB.
const JournalSize = 1000

// Journal keeps the last [JournalSize] requests, without their passwords and tokens. It is safe for concurrent use.
type Journal struct {
	contract *contract.Contract
	known    secrets // tokens that no request may show
	shapes   map[*contract.Operation]*shape

	mutex  sync.Mutex
	number int64
	kept   []*entry // the oldest first
}

// entry is the place of a request in the journal. Its content is replaced when the request ends.
type entry struct{ request loggedRequest }

// NewJournal returns a journal without requests. It never shows the tokens, wherever a client puts them.
func NewJournal(c *contract.Contract, tokens ...string) *Journal {
	j := &Journal{contract: c, known: tokens, shapes: map[*contract.Operation]*shape{}}
	for _, operation := range c.Operations() {
		j.shapes[operation] = newShape(c, operation)
	}
	return j
}

// The states of a request in the journal.
const (
	requestUnderWay = "under_way" // it has no answer yet
	requestAnswered = "answered"
	requestDropped  = "dropped" // the connection has ended without an answer
)

// The states of a body.
const (
	bodyNone       = "none"       // the request has none
	bodyJSON       = "json"       // it is one JSON text; the server also refuses a member that is there twice
	bodyNotJSON    = "not_json"   // it is not one JSON text in UTF-8
	bodyTooLong    = "too_long"   // the server has not read it to its end
	bodyIncomplete = "incomplete" // the rest of it has not arrived
	bodyNotRead    = "not_read"   // it had not arrived when the server refused the request
)

// loggedRequest is a request as GET /requests shows it.
type loggedRequest struct {
	Number            int64                     `json:"number"` // counts from 1
	Time              string                    `json:"time"`   // the real one, because it shows how long a client waits before it tries again
	State             string                    `json:"state"`
	RequestID         string                    `json:"request_id,omitempty"`
	Method            string                    `json:"method"`
	Target            string                    `json:"target"`
	Protocol          string                    `json:"protocol"`
	Header            map[string][]string       `json:"header"`
	BodyState         string                    `json:"body_state,omitempty"`
	BodyBytes         int                       `json:"body_bytes"` // how many have been read
	Body              string                    `json:"body,omitempty"`
	BodyBase64        string                    `json:"body_base64,omitempty"` // instead of Body if it is not UTF-8
	OperationID       string                    `json:"operation_id,omitempty"`
	Parameters        map[string]parameterState `json:"parameters,omitempty"`
	Members           map[string]memberState    `json:"members,omitempty"` // only if the body is JSON, or if there is none
	Answer            *loggedAnswer             `json:"answer,omitempty"`
	PreferenceApplied string                    `json:"preference_applied,omitempty"`
	PreferIgnored     []string                  `json:"prefer_ignored,omitempty"`
}

// loggedAnswer is the verdict on a request. If the request was dropped, the client has not got it.
type loggedAnswer struct {
	Status  int           `json:"status"`
	Problem string        `json:"problem,omitempty"` // the code
	Errors  []loggedFault `json:"errors,omitempty"`
}

type loggedFault struct {
	Pointer   string  `json:"pointer"`
	Parameter *string `json:"parameter,omitempty"`
	Code      string  `json:"code"`
	Detail    string  `json:"detail"`
}

// Wrap returns a handler that writes the requests to another handler into the journal.
func (j *Journal) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &loggedExchange{journal: j, request: r, shape: &shape{}, secrets: newSecrets(j.known, r.Header)}
		if x.operation = j.contract.Find(r.Method, r.URL.EscapedPath()); x.operation != nil {
			x.shape = j.shapes[x.operation]
		}
		x.entry = j.add(x.head())
		x.body = &sentBody{ReadCloser: r.Body}
		x.answer = &recorder{ResponseWriter: w}
		defer x.end()
		passed := r.Clone(r.Context()) // the server may change it
		passed.Body = x.body
		next.ServeHTTP(x.answer, passed)
		if x.answer.status == 0 {
			x.answer.status = http.StatusOK // as net/http does
		}
	})
}

// add numbers a request and appends it to the journal.
func (j *Journal) add(request loggedRequest) *entry {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.number++
	request.Number = j.number
	added := &entry{request}
	if len(j.kept) == JournalSize {
		j.kept = append(j.kept[:0], j.kept[1:]...)
	}
	j.kept = append(j.kept, added)
	return added
}

// Register adds the handlers of GET /requests and DELETE /requests. They ask for no token.
func (j *Journal) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /requests", j.list)
	mux.HandleFunc("DELETE /requests", j.clear)
}

// list answers with all requests, each of them in a line of its own.
func (j *Journal) list(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	separator := `{"requests":[` + "\n"
	for _, request := range j.all() {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false) // people read it, too
		_ = encoder.Encode(request)  // it has only values that JSON has
		_, _ = io.WriteString(w, separator)
		_, _ = w.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n")))
		separator = ",\n"
	}
	if separator != ",\n" {
		_, _ = io.WriteString(w, separator)
	}
	_, _ = io.WriteString(w, "\n]}\n") // an error means that the client has left
}

func (j *Journal) all() []loggedRequest {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	all := make([]loggedRequest, len(j.kept))
	for i, kept := range j.kept {
		all[i] = kept.request
	}
	return all
}

// clear empties the journal. Requests that are under way do not come back when they end, and the numbers go on.
func (j *Journal) clear(w http.ResponseWriter, _ *http.Request) {
	j.mutex.Lock()
	j.kept = nil
	j.mutex.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// loggedExchange is a request that is under way.
type loggedExchange struct {
	journal   *Journal
	entry     *entry
	request   *http.Request
	operation *contract.Operation // nil: none
	shape     *shape
	secrets   secrets
	body      *sentBody
	answer    *recorder
}

// head returns what is known before the body has arrived.
func (x *loggedExchange) head() loggedRequest {
	r := x.request
	head := loggedRequest{
		Time:        time.Now().UTC().Format(timeLayout),
		State:       requestUnderWay,
		Method:      x.secrets.mask(r.Method),
		Target:      maskTarget(r, x.shape, x.secrets),
		Protocol:    r.Proto,
		Header:      maskHeader(r, x.secrets),
		OperationID: x.shape.operationID,
	}
	if x.operation != nil {
		head.Parameters = x.shape.parameterStates(r, x.operation.Path, x.secrets)
	}
	return head
}

// end replaces the entry. It masks the head again, because the passwords in the body are known now.
func (x *loggedExchange) end() {
	body, hidden := maskBody(x.body.read, x.shape, x.secrets)
	x.secrets = hidden
	ended := x.head()
	ended.Number, ended.Time = x.entry.request.Number, x.entry.request.Time
	ended.BodyState, ended.BodyBytes = x.body.state(x.request), x.body.length
	switch {
	case len(body) == 0:
	case utf8.Valid(body):
		ended.Body = string(body)
	default:
		ended.BodyBase64 = base64.StdEncoding.EncodeToString(body)
	}
	switch ended.BodyState {
	case bodyNone:
		ended.Members = x.shape.memberStates(nil)
	case bodyJSON:
		ended.Members = x.shape.memberStates(body)
	}
	header := x.answer.Header()
	ended.RequestID = header.Get("X-Request-Id")
	ended.PreferenceApplied, ended.PreferIgnored = header.Get(headerApplied), header.Values(headerIgnored)
	ended.State = requestAnswered
	if x.answer.status == 0 || x.answer.throwsAway {
		ended.State = requestDropped
	}
	ended.Answer = x.verdict()

	x.journal.mutex.Lock()
	defer x.journal.mutex.Unlock()
	x.entry.request = ended
}

// verdict returns nil if there is no answer.
func (x *loggedExchange) verdict() *loggedAnswer {
	if x.answer.status == 0 {
		return nil
	}
	var problem struct {
		Code   string        `json:"code"`
		Errors []loggedFault `json:"errors"`
	}
	_ = json.Unmarshal(x.answer.problem, &problem) // the answer to HEAD is a problem without a body
	for i := range problem.Errors {
		problem.Errors[i].Pointer = x.secrets.maskEscaped(problem.Errors[i].Pointer, decodePointer) // it has names of members
	}
	return &loggedAnswer{x.answer.status, problem.Code, problem.Errors}
}

// sentBody keeps what is read of a body, up to the longest body that the contract allows.
type sentBody struct {
	io.ReadCloser
	read   []byte
	length int
	err    error // why reading ended; nil: it has not
}

// Read implements [io.Reader].
func (b *sentBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.length += n
	if b.err == nil {
		b.err = err // net/http returns io.EOF when it is asked again for a body that did not arrive whole
	}
	room := contract.MaxBody - len(b.read)
	b.read = append(b.read, into[:min(n, room)]...)
	return n, err
}

// state returns what became of the body of a request.
func (b *sentBody) state(r *http.Request) string {
	isWhole := errors.Is(b.err, io.EOF) || r.ContentLength >= 0 && int64(b.length) == r.ContentLength
	switch {
	case r.ContentLength > contract.MaxBody || b.length > contract.MaxBody:
		return bodyTooLong
	case isWhole && b.length == 0:
		return bodyNone
	case !isWhole && b.length == 0:
		return bodyNotRead
	case !isWhole:
		return bodyIncomplete
	case jsontext.Value(b.read).IsValid(jsontext.AllowDuplicateNames(true)):
		return bodyJSON
	}
	return bodyNotJSON
}
