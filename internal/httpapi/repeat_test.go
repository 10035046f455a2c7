package httpapi_test

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// repetition is a row of the table "Repeating a request" in the contract.
type repetition struct {
	refused string // what has changed after 429 or 503
	failed  string // what has changed after 500, or if there is no response
	status  int    // of the second request, if the first one was done
	ifMatch int    // the same if both have If-Match
	does    string // what the second request does, if the first one was done
}

// What a repetition can say has changed.
const (
	nothingHasChanged = "nothing has changed"
	unknownOutcome    = "unknown"
	doesNothing       = "nothing"
)

var (
	repetitionRow      = regexp.MustCompile("(?m)^\\| `([A-Z]+(?: /[^`]+)?)`(?: on any path)? \\|(.*)\\|$")
	repetitionStatuses = regexp.MustCompile("^`([0-9]{3})`(?:, or `([0-9]{3})` with `If-Match`)?$")
)

// repetitions reads the table. The keys are like "PUT /openapi/v1/changepwd"; GET has one row
// for all paths.
func repetitions(t *testing.T) map[string]repetition {
	t.Helper()
	_, section, found := strings.Cut(apitest.Contract().Info.Description, "\n## Repeating a request\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]repetition{}
	for _, row := range repetitionRow.FindAllStringSubmatch(section, -1) {
		cells := strings.Split(row[2], "|")
		require.Len(t, cells, 5, row[0])
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		statuses := repetitionStatuses.FindStringSubmatch(cells[3])
		require.NotNil(t, statuses, row[0])
		status, err := strconv.Atoi(statuses[1])
		require.NoError(t, err)
		ifMatch := status
		if statuses[2] != "" {
			ifMatch, err = strconv.Atoi(statuses[2])
			require.NoError(t, err)
		}
		require.True(t, strings.HasPrefix(cells[2], "yes"), "no test sends a request again that must not be sent again: %s", row[0])
		require.NotContains(t, rows, row[1])
		rows[row[1]] = repetition{refused: cells[0], failed: cells[1], status: status, ifMatch: ifMatch, does: cells[4]}
	}
	require.Equal(t, strings.Count(section, "\n|"), len(rows)+2, "a row of the table was not read")
	return rows
}

// commit runs the unit of a request.
type commit func(context.Context) (directory.User, error)

// interruption is how the first request of two ends.
type interruption struct {
	status int // 0: the client leaves before the response
	done   bool
	// interrupt takes the place of the store's Change. It calls leave when the client shall leave.
	interrupt func(ctx context.Context, change commit, leave func()) (directory.User, error)
}

var interruptions = map[string]interruption{
	"503 while the unit waits": {503, false, func(ctx context.Context, change commit, _ func()) (directory.User, error) {
		ctx, cancel := context.WithDeadline(ctx, time.Now())
		defer cancel()
		return change(ctx)
	}},
	"500 before the commit": {500, false, func(context.Context, commit, func()) (directory.User, error) {
		return directory.User{}, errors.New("a fault")
	}},
	"500 after the commit": {500, true, func(ctx context.Context, change commit, _ func()) (directory.User, error) {
		_, err := change(ctx)
		return directory.User{}, errors.Join(err, errors.New("a fault"))
	}},
	"no response, before the commit": {0, false, func(ctx context.Context, change commit, leave func()) (directory.User, error) {
		leave()
		<-ctx.Done()
		return change(ctx)
	}},
	"no response, after the commit": {0, true, func(ctx context.Context, change commit, leave func()) (directory.User, error) {
		user, err := change(ctx)
		leave()
		<-ctx.Done()
		return user, err
	}},
}

// interruptedStore interrupts the first change.
type interruptedStore struct {
	directory.Store
	interrupt   func(ctx context.Context, change commit) (directory.User, error)
	interrupted atomic.Bool
}

func (s *interruptedStore) Change(ctx context.Context, p directory.Principal, id directory.UserID, decide directory.Decide) (directory.User, error) {
	change := func(ctx context.Context) (directory.User, error) { return s.Store.Change(ctx, p, id, decide) }
	if s.interrupted.Swap(true) {
		return change(ctx)
	}
	return s.interrupt(ctx, change)
}

// What the table "Repeating a request" says is what happens to every operation: after each way
// in which the first request can end, and after the second request.
func TestRepeatingARequest(t *testing.T) {
	apitest.OneNode(t, "it interrupts the store of one process")
	table := repetitions(t)
	unused := maps.Clone(table)
	eachOperation(t, func(t *testing.T, method, path string, _ *openapi3.Operation) {
		key := method + " " + path
		if method == "GET" {
			key = method
		}
		delete(unused, key)
		row, found := table[key]
		require.True(t, found, "the table has no row for %s", key)
		f := newFuzzed(method, path)
		if method == "GET" {
			repeatRead(t, f, row)
			return
		}
		requests := map[string]generated{"": f.example()}
		if slices.ContainsFunc(f.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "If-Match" }) {
			conditional := f.example()
			conditional.Headers["If-Match"] = `"1"`
			requests[" with If-Match"] = conditional
		}
		for condition, g := range requests {
			row := row
			if condition != "" && row.ifMatch != row.status {
				row.status, row.does = row.ifMatch, doesNothing
			}
			for name, i := range interruptions {
				t.Run(name+condition, func(t *testing.T) {
					t.Parallel()
					i.repeat(t, f, g, row)
				})
			}
		}
		t.Run("429", func(t *testing.T) {
			t.Parallel()
			refuse(t, f, row)
		})
	})
	require.Empty(t, unused, "the contract has no such operation")
}

// repeatRead reads twice, which changes nothing.
func repeatRead(t *testing.T, f fuzzed, row repetition) {
	t.Helper()
	s := apitest.Start(t, apitest.Config{})
	s.DB.InsertPeopleWhoLogIn(t)
	before := s.DB.State(t)
	require.Equal(t, repetition{nothingHasChanged, nothingHasChanged, row.status, row.status, doesNothing}, row)
	for range 2 {
		require.Equal(t, row.status, f.example().send(t, s).Status)
		require.Equal(t, before, s.DB.State(t))
	}
}

// repeat interrupts a request, looks at what is stored, and sends the request again.
func (i interruption) repeat(t *testing.T, f fuzzed, g generated, row repetition) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ended := make(chan struct{})
	s := apitest.Start(t, apitest.Config{Store: func(store directory.Store) directory.Store {
		return &interruptedStore{Store: store, interrupt: func(ctx context.Context, change commit) (directory.User, error) {
			defer close(ended)
			return i.interrupt(ctx, change, leave)
		}}
	}})
	s.DB.InsertPeopleWhoLogIn(t)
	before := s.DB.State(t)
	if i.status == 0 {
		path, body, headers := g.parts()
		s.SendAndLeave(ctx, t, g.Method, path, body, headers...)
	} else {
		require.Equal(t, i.status, g.send(t, s).Status)
	}
	<-ended
	after := s.DB.State(t)
	requireChange(t, i.done, before, after)
	says := row.failed
	if i.status == 503 {
		says = row.refused
	}
	if says != unknownOutcome {
		require.Equal(t, nothingHasChanged, says)
		require.False(t, i.done, "the table says that nothing has changed")
	}

	second := g.send(t, s)
	if i.done {
		require.Equal(t, row.status, second.Status, second.Body)
		requireChange(t, row.does != doesNothing, after, s.DB.State(t))
		return
	}
	require.Equal(t, f.success(t), second.Status, second.Body)
	requireChange(t, true, after, s.DB.State(t))
}

// refuse sends a request that is answered 429.
func refuse(t *testing.T, f fuzzed, row repetition) {
	t.Helper()
	s := apitest.Start(t, apitest.Config{RateLimit: 1, LogInLimit: 1, Clock: apitest.NewClock()})
	var before string
	apitest.WaitFor(func() bool { // on a busy machine, the second request comes more than a second after the first one
		s.DB.InsertPeopleWhoLogIn(t)
		exhausting := f.example()
		provoke(t, f, s, 429, &exhausting)
		before = s.DB.State(t)
		return f.example().send(t, s).Status == 429
	})
	require.Equal(t, before, s.DB.State(t))
	require.Equal(t, nothingHasChanged, row.refused)
}

// success returns the status of a request that succeeds.
func (f fuzzed) success(t *testing.T) int {
	t.Helper()
	status, err := strconv.Atoi(slices.Min(slices.Collect(maps.Keys(f.Described.Responses.Map()))))
	require.NoError(t, err)
	return status
}

// requireChange requires two states of the database to differ, or not to.
func requireChange(t *testing.T, changed bool, before, after string) {
	t.Helper()
	if changed {
		require.NotEqual(t, before, after, "nothing has changed")
	} else {
		require.Equal(t, before, after)
	}
}
