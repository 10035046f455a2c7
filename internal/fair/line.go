package fair

import "slices"

// line is the requests with one key: those that wait, and those inside. They have further keys, and are
// then in lines of their own, or none.
type line struct {
	key             string
	waiting, inside int
	lines           []*line   // in the order in which they take turns
	tickets         []*ticket // in the order in which they came
}

// add adds a ticket at the end.
func (l *line) add(t *ticket, keys []string) {
	l.waiting++
	if len(keys) == 0 {
		l.tickets = append(l.tickets, t)
		return
	}
	i := l.find(keys[0])
	if i < 0 {
		i = len(l.lines)
		l.lines = append(l.lines, &line{key: keys[0]})
	}
	l.lines[i].add(t, keys[1:])
}

func (l *line) find(key string) int {
	return slices.IndexFunc(l.lines, func(sub *line) bool { return sub.key == key })
}

// next moves the ticket inside whose turn it is among those that may enter, and returns it, or nil if
// there is none.
func (l *line) next(mayEnter func(*ticket) bool) (t *ticket) {
	if i := slices.IndexFunc(l.tickets, mayEnter); i >= 0 {
		t = l.tickets[i]
		l.tickets = slices.Delete(l.tickets, i, i+1)
	}
	byInside := slices.Clone(l.lines)
	slices.SortStableFunc(byInside, func(a, b *line) int { return a.inside - b.inside })
	for i := 0; t == nil && i < len(byInside); i++ {
		t = byInside[i].next(mayEnter)
	}
	if t != nil {
		l.waiting--
		l.inside++
	}
	return t
}

// leave counts one less inside, and puts its lines behind those beside them.
func (l *line) leave(keys []string) {
	l.inside--
	if len(keys) == 0 {
		return
	}
	i := l.find(keys[0])
	sub := l.lines[i]
	sub.leave(keys[1:])
	l.lines = slices.Delete(l.lines, i, i+1)
	if sub.waiting+sub.inside > 0 {
		l.lines = append(l.lines, sub)
	}
}

// remove takes out a ticket that waits.
func (l *line) remove(t *ticket, keys []string) {
	l.waiting--
	if len(keys) == 0 {
		i := slices.Index(l.tickets, t)
		l.tickets = slices.Delete(l.tickets, i, i+1)
		return
	}
	i := l.find(keys[0])
	sub := l.lines[i]
	sub.remove(t, keys[1:])
	if sub.waiting+sub.inside == 0 {
		l.lines = slices.Delete(l.lines, i, i+1)
	}
}

// newestOfLongest returns the ticket that came last in the longest line. If several are equally long, it takes
// the one that is last to have its turn.
func (l *line) newestOfLongest() *ticket {
	if len(l.lines) == 0 {
		return l.tickets[len(l.tickets)-1]
	}
	longest := l.lines[0]
	for _, sub := range l.lines[1:] {
		if sub.waiting >= longest.waiting {
			longest = sub
		}
	}
	return longest.newestOfLongest()
}
