package fair

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"userapi/internal/directory"
)

// roomPerSlot is how many requests can wait for each that is inside. At the real cost, one core
// hashes that many passwords in four seconds.
const roomPerSlot = 128

// Gate implements [directory.Gate]. It is safe for concurrent use.
type Gate struct {
	room  int // how many requests can wait
	mutex sync.Mutex
	free  int             // how many more can be inside
	alone map[string]bool // the Alone of those inside
	all   line
	waits prometheus.Observer // nil: nobody measures
}

// NewGate returns a gate that lets in up to 1 or more requests at the same time. With 0 slots,
// which only tests use, no request ever gets in.
func NewGate(slots int) *Gate {
	return &Gate{room: roomPerSlot * max(1, slots), free: slots, alone: map[string]bool{}}
}

// Measure returns metrics of the gate, for a registry. Their names begin with this name. Call it before the first
// request enters.
func (g *Gate) Measure(name string) []prometheus.Collector {
	waits := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name + "_wait_seconds", Help: "How long requests waited for their turn.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
	g.waits = waits
	return []prometheus.Collector{waits, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name + "_queue_length", Help: "Requests that wait for their turn.",
	}, func() float64 { return float64(g.waiting()) })}
}

func (g *Gate) waiting() int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.all.waiting
}

// ticket is a request at the gate.
type ticket struct {
	turn   directory.Turn
	called chan error // receives nil when the request may go in, or why it may not
}

// Enter implements [directory.Gate].
func (g *Gate) Enter(ctx context.Context, turn directory.Turn) (leave func(), err error) {
	begun := time.Now()
	t := &ticket{turn: turn, called: make(chan error, 1)}
	g.mutex.Lock()
	g.all.add(t, turn.Keys)
	g.letIn()
	if g.all.waiting > g.room {
		refused := g.all.newestOfLongest()
		g.all.remove(refused, refused.turn.Keys)
		refused.called <- directory.NewQueueFullError("", fmt.Sprintf("%d requests already wait for their turn", g.room))
	}
	g.mutex.Unlock()
	select {
	case err = <-t.called:
	case <-ctx.Done():
		err = g.giveUp(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	if g.waits != nil {
		g.waits.Observe(time.Since(begun).Seconds())
	}
	return sync.OnceFunc(func() { g.leave(turn) }), nil
}

// giveUp takes a ticket out of its line, unless it was called in the meantime.
func (g *Gate) giveUp(ctx context.Context, t *ticket) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	select {
	case err := <-t.called:
		return err
	default:
		g.all.remove(t, t.turn.Keys)
		return fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
}

func (g *Gate) leave(turn directory.Turn) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.free++
	delete(g.alone, turn.Alone)
	g.all.leave(turn.Keys)
	g.letIn()
}

// letIn lets requests in until the gate is full or nobody may.
func (g *Gate) letIn() {
	mayEnter := func(t *ticket) bool { return !g.alone[t.turn.Alone] }
	for g.free > 0 {
		t := g.all.next(mayEnter)
		if t == nil {
			return
		}
		g.free--
		if t.turn.Alone != "" {
			g.alone[t.turn.Alone] = true
		}
		t.called <- nil
	}
}
