package fair_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"userapi/internal/directory"
	"userapi/internal/fair"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// waitingContext says when a request has its place in line: the gate then asks when its context ends.
type waitingContext struct {
	context.Context
	waits func()
}

func (c waitingContext) Done() <-chan struct{} {
	c.waits()
	return c.Context.Done()
}

// queue has requests enter a gate in a known order, and records in which order they get in.
type queue struct {
	t       *testing.T
	gate    *fair.Gate
	entered chan string // the names of those inside
	refused chan string
	leave   map[string]chan struct{}
	running sync.WaitGroup
}

func newQueue(t *testing.T, slots int) *queue {
	q := &queue{
		t: t, gate: fair.NewGate(slots), entered: make(chan string, 1000), refused: make(chan string, 1000), leave: map[string]chan struct{}{},
	}
	t.Cleanup(q.running.Wait)
	return q
}

// send sends a request whose keys are the parts of its name, except the last one. It returns when the
// request has its place in line.
func (q *queue) send(ctx context.Context, name, alone string) {
	keys := strings.Split(name, "/")
	turn := directory.Turn{Keys: keys[:len(keys)-1], Alone: alone}
	waits, left := make(chan struct{}), make(chan struct{})
	q.leave[name] = left
	q.running.Go(func() {
		leave, err := q.gate.Enter(waitingContext{ctx, sync.OnceFunc(func() { close(waits) })}, turn)
		if err != nil {
			q.refused <- name
			return
		}
		q.entered <- name
		<-left
		leave()
	})
	<-waits
}

func (q *queue) sendAll(names ...string) {
	for _, name := range names {
		q.send(q.t.Context(), name, "")
	}
}

// requireOrder fails unless the requests get in one after the other in this order.
func (q *queue) requireOrder(names ...string) {
	q.t.Helper()
	for _, name := range names {
		require.Equal(q.t, name, <-q.entered)
		close(q.leave[name])
	}
}

func TestKeysTakeTurns(t *testing.T) {
	q := newQueue(t, 1)
	q.sendAll("a/1", "a/2", "a/3", "a/4", "b/1", "b/2", "c/1")
	q.requireOrder("a/1", "b/1", "c/1", "a/2", "b/2", "a/3", "a/4")
}

// Who comes next to a flood waits for nothing but the request that is inside.
func TestNewKeysGoBeforeTheKeyThatIsInside(t *testing.T) {
	q := newQueue(t, 1)
	q.sendAll("a/1", "a/2", "a/3")
	require.Equal(t, "a/1", <-q.entered)
	q.sendAll("b/1")
	close(q.leave["a/1"])
	q.requireOrder("b/1", "a/2", "a/3")
}

// On each level the keys take turns, however many keys the other has below it.
func TestKeysTakeTurnsOnEachLevel(t *testing.T) {
	q := newQueue(t, 1)
	q.sendAll("new/ada/1", "log/x/p/1", "log/x/q/1", "log/x/r/1", "log/y/p/1", "new/ada/2", "new/bob/1")
	q.requireOrder("new/ada/1", "log/x/p/1", "new/bob/1", "log/y/p/1", "new/ada/2", "log/x/q/1", "log/x/r/1")
}

// A key uses all slots while nobody else waits, and then gives each that becomes free to others.
func TestOneKeyUsesAllSlots(t *testing.T) {
	q := newQueue(t, 3)
	q.sendAll("a/1", "a/2", "a/3", "a/4", "a/5", "b/1", "b/2")
	require.ElementsMatch(t, []string{"a/1", "a/2", "a/3"}, []string{<-q.entered, <-q.entered, <-q.entered})
	close(q.leave["a/1"])
	close(q.leave["a/2"])
	require.ElementsMatch(t, []string{"b/1", "b/2"}, []string{<-q.entered, <-q.entered})
	for _, name := range []string{"a/3", "b/1", "b/2"} {
		close(q.leave[name])
	}
	require.ElementsMatch(t, []string{"a/4", "a/5"}, []string{<-q.entered, <-q.entered})
	close(q.leave["a/4"])
	close(q.leave["a/5"])
}

// Requests with the same Alone are never inside together, whatever their keys are. They keep no other
// request waiting.
func TestAlone(t *testing.T) {
	q := newQueue(t, 2)
	q.send(t.Context(), "a/1", "x")
	q.send(t.Context(), "a/2", "x")
	q.send(t.Context(), "b/1", "x")
	require.Equal(t, "a/1", <-q.entered)
	q.send(t.Context(), "b/2", "y")
	require.Equal(t, "b/2", <-q.entered)
	close(q.leave["a/1"])
	q.requireOrder("a/2", "b/1")
	close(q.leave["b/2"])
}

// If too many wait, the newest of the longest line is refused, on each level.
func TestALongLineDoesNotKeepOthersOut(t *testing.T) {
	q := newQueue(t, 0)
	const room = 128
	ctx, cancel := context.WithCancel(t.Context())
	for i := range room {
		q.send(ctx, fmt.Sprintf("log/x/%d", i), "")
	}
	for i := range 10 {
		q.send(ctx, fmt.Sprintf("log/x/more%d", i), "")
		require.Equal(t, fmt.Sprintf("log/x/more%d", i), <-q.refused)
	}
	for i := range room / 2 {
		q.send(ctx, fmt.Sprintf("new/%d/1", i), "")
		require.Equal(t, fmt.Sprintf("log/x/%d", room-1-i), <-q.refused)
	}
	q.send(ctx, "new/0/2", "")
	require.Equal(t, "new/0/2", <-q.refused)
	q.send(ctx, "log/y/1", "")
	require.Equal(t, fmt.Sprintf("log/x/%d", room/2-1), <-q.refused)
	cancel()
	for range room {
		<-q.refused
	}
	q.send(ctx, "new/0/3", "")
	require.Equal(t, "new/0/3", <-q.refused, "the context has ended")
}

func TestErrors(t *testing.T) {
	gate := fair.NewGate(0)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 129 {
		go func() {
			_, err := gate.Enter(ctx, directory.Turn{Keys: []string{"a"}})
			errs <- err
		}()
	}
	require.True(t, directory.IsCode(<-errs, directory.CodeUnavailable))
	cancel()
	for range 128 {
		require.ErrorIs(t, <-errs, context.Canceled)
	}
}

// However requests come, leave and give up, there are never more inside than slots, never two with the
// same Alone, and at the end nothing is left.
func TestManyAtOnce(t *testing.T) {
	const slots = 3
	gate := fair.NewGate(slots)
	var inside atomic.Int64
	var alone [4]atomic.Int64
	var running sync.WaitGroup
	for i := range 32 {
		running.Go(func() {
			for j := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%5 == 0 {
					go cancel()
				}
				who := (i + j) % len(alone)
				leave, err := gate.Enter(ctx, directory.Turn{Keys: []string{fmt.Sprint(i % 3), fmt.Sprint(j % 7)}, Alone: fmt.Sprint(who)})
				if err == nil {
					if inside.Add(1) > slots || alone[who].Add(1) > 1 {
						t.Error("too many are inside")
					}
					alone[who].Add(-1)
					inside.Add(-1)
					leave()
					leave() // has no effect
				}
				cancel()
			}
		})
	}
	running.Wait()
	var leaves []func()
	for i := range slots {
		leave, err := gate.Enter(t.Context(), directory.Turn{Keys: []string{fmt.Sprint(i)}})
		require.NoError(t, err)
		leaves = append(leaves, leave)
	}
	slices.Reverse(leaves)
	for _, leave := range leaves {
		leave()
	}
}

// The metrics say how many requests wait, and how long those that got in have waited.
func TestGateIsMeasured(t *testing.T) {
	q := newQueue(t, 1)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(q.gate.Measure("userapi_test")...)
	read := func() (length float64, waits uint64, seconds float64) {
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Equal(t, "userapi_test_queue_length", families[0].GetName())
		require.Equal(t, "userapi_test_wait_seconds", families[1].GetName())
		histogram := families[1].GetMetric()[0].GetHistogram()
		return families[0].GetMetric()[0].GetGauge().GetValue(), histogram.GetSampleCount(), histogram.GetSampleSum()
	}
	q.send(t.Context(), "a/1", "")
	require.Equal(t, "a/1", <-q.entered)
	_, _, before := read()
	q.send(t.Context(), "a/2", "")
	q.send(t.Context(), "a/3", "")
	length, waits, _ := read()
	require.EqualValues(t, 2, length)
	require.EqualValues(t, 1, waits)
	close(q.leave["a/1"])
	require.Equal(t, "a/2", <-q.entered)
	length, waits, seconds := read()
	require.EqualValues(t, 1, length)
	require.EqualValues(t, 2, waits)
	require.Greater(t, seconds, before)
	close(q.leave["a/2"])
	require.Equal(t, "a/3", <-q.entered)
	close(q.leave["a/3"])
}
