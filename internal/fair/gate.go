package fair

import (
	"context"
	"fmt"
	"sync"

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
}

// NewGate returns a gate that lets in up to 1 or more requests at the same time. With 0 slots,
// which only tests use, no request ever gets in.
func NewGate(slots int) *Gate {
	return &Gate{room: roomPerSlot * max(1, slots), free: slots, alone: map[string]bool{}}
}

// ticket is a request at the gate.
type ticket struct {
	turn   directory.Turn
	called chan error // receives nil when the request may go in, or why it may not
}

// Enter implements [directory.Gate].
func (g *Gate) Enter(ctx context.Context, turn directory.Turn) (leave func(), err error) {
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
