package apitest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// History is what clients have asked of some users and what they were answered, at which times. It
// is linearizable if each request could have taken effect at one moment between its start
// and its answer.
type History struct {
	begin time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	unanswered int
}

// NewHistory returns an empty history.
func NewHistory() *History { return &History{begin: time.Now()} }

// asked is a request of a history: GET, PUT or DELETE of one user.
type asked struct {
	method  string
	user    directory.UserID
	phone   string // with PUT
	ifMatch int64  // 0: none
}

// answered is what the client knows afterwards.
type answered struct {
	status  int    // 0: there was no answer, so the request may have had its effect
	phone   string // with 200
	version int64  // with 200 of GET
}

// userState is what the server should hold of a user.
type userState struct {
	deleted bool
	version int64
	phone   string
}

// step returns the states that a request can leave if it was answered like this; none: the answer is wrong.
func step(state userState, in asked, out answered) []userState {
	switch {
	case state.deleted:
		if out.status == 0 || out.status == http.StatusNotFound {
			return []userState{state}
		}
		return nil
	case in.ifMatch != 0 && in.ifMatch != state.version:
		if out.status == 0 || out.status == http.StatusPreconditionFailed {
			return []userState{state}
		}
		return nil
	}
	want, after := answered{status: http.StatusOK, phone: state.phone, version: state.version}, state
	switch in.method {
	case http.MethodPut:
		after.version, after.phone = state.version+1, in.phone
		want = answered{status: http.StatusOK, phone: in.phone}
	case http.MethodDelete:
		after, want = userState{deleted: true}, answered{status: http.StatusNoContent}
	}
	switch out {
	case want:
		return []userState{after}
	case answered{}:
		return []userState{state, after}
	}
	return nil
}

// model is a server that keeps each user by itself, with version 1 and no phone number at first.
var model = porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		users := map[directory.UserID][]porcupine.Operation{}
		for _, operation := range history {
			user := operation.Input.(asked).user
			users[user] = append(users[user], operation)
		}
		var parts [][]porcupine.Operation
		for _, part := range users {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() []any { return []any{userState{version: 1}} },
	Step: func(state, input, output any) []any {
		var after []any
		for _, s := range step(state.(userState), input.(asked), output.(answered)) {
			after = append(after, s)
		}
		return after
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// Run lets clients send this many requests in all to users who were just created. Send returns an error
// if there was no answer.
func (h *History) Run(t testing.TB, clients, requests int, users []directory.UserID, send func(method, path, body string, headers ...string) (Answer, error)) {
	t.Helper()
	AtOnce(clients, func(client int) any {
		version := map[directory.UserID]int64{} // that this client saw last
		for i := range requests / clients {
			in := asked{method: http.MethodGet, user: users[rand.IntN(len(users))]} //nolint:gosec // any choice will do
			switch n := rand.IntN(200); {                                           //nolint:gosec // any choice will do
			case n == 0:
				in.method = http.MethodDelete
			case n < 100:
				in.method, in.phone = http.MethodPut, fmt.Sprint(client, "/", i)
			}
			if in.method != http.MethodGet && rand.IntN(2) == 0 { //nolint:gosec // any choice will do
				in.ifMatch = version[in.user]
			}
			if out := h.ask(t, client, in, send); out.version != 0 {
				version[in.user] = out.version
			}
		}
		return nil
	})
}

// ask sends one request and records it.
func (h *History) ask(t testing.TB, client int, in asked, send func(method, path, body string, headers ...string) (Answer, error)) (out answered) {
	t.Helper()
	body, headers := "", []string{}
	if in.method == http.MethodPut {
		body = fmt.Sprintf(`{"phone":%q}`, in.phone)
	}
	if in.ifMatch != 0 {
		headers = append(headers, fmt.Sprintf(`If-Match: "%d"`, in.ifMatch))
	}
	call := time.Since(h.begin)
	answer, err := send(in.method, fmt.Sprintf("/openapi/v1/users/%d", in.user), body, headers...)
	end := time.Since(h.begin)
	switch {
	case err != nil && in.method == http.MethodGet, answer.Status == http.StatusServiceUnavailable:
		return answered{} // it has no effect, and the client knows nothing new
	case err != nil:
		end = math.MaxInt64
	case answer.Status == http.StatusOK:
		var user struct{ Phone string }
		if err := json.Unmarshal([]byte(answer.Body), &user); err != nil {
			t.Error(err)
		}
		out.phone = user.Phone
		_, _ = fmt.Sscanf(strings.Trim(answer.Header.Get("ETag"), `"`), "%d", &out.version)
	}
	out.status = answer.Status
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.unanswered++
	}
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: in, Call: int64(call), Output: out, Return: int64(end)})
	return out
}

// Linearizable reports whether the history is linearizable.
func (h *History) Linearizable(t testing.TB) bool {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.NotEmpty(t, h.operations)
	t.Log(len(h.operations), "requests,", h.unanswered, "of them without an answer")
	return porcupine.CheckOperations(model.ToModel(), h.operations)
}
