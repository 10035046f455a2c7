package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
)

// listers is how many clients list users.
const listers = 8

// size is a server on a database of its own.
type size struct {
	users    int
	database string
	server   *process
	measured []*measurement
}

// sizes measures servers on databases of more and more users.
func (b bench) sizes(ctx context.Context) (err error) {
	var sizes []*size
	for _, users := range []int{1000, 100_000, 1_000_000} {
		s := &size{users: users}
		if s.database, err = b.seeded(ctx, fmt.Sprint(users), users); err != nil {
			return err
		}
		if s.server, err = startServer(ctx, b.program("userapi"), s.database); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.server.stop()) }()
		sizes = append(sizes, s)
	}
	var all []*measurement
	for _, s := range sizes {
		send := func(name string, clients int, request requester) {
			m := &measurement{name: name, traffic: &traffic{address: s.server.address, clients: clients, request: request}}
			s.measured, all = append(s.measured, m), append(all, m)
		}
		send("PUT", clients, put(s.users))
		send("GET", clients, get(s.users))
		send("list, page 1", listers, list("page=1"))
		if s.users > 1000 {
			send("list, page 1,000", listers, list("page=1000"))
		}
	}
	if err := alternate(ctx, b.rounds, b.length, all); err != nil {
		return err
	}
	fmt.Printf("\nWith more and more users; lists have 10 of them a page, and %d clients:\n\n", listers)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tusers\trequests/s\tp50\tp99\tworst\tof the first\t")
	first := map[string]*measurement{}
	for i := range sizes[1].measured {
		for _, s := range sizes {
			if i == len(s.measured) {
				continue
			}
			m := s.measured[i]
			if first[m.name] == nil {
				first[m.name] = m
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\t\n", m.name, s.users, m.columns(), m.ratio(first[m.name], perSecond))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Println()
	largest := sizes[len(sizes)-1]
	return errors.Join(b.searching(ctx, largest), b.starting(ctx, largest))
}

// searching measures updates while someone looks for three letters.
func (b bench) searching(ctx context.Context, s *size) error {
	updates := func() *traffic { return &traffic{address: s.server.address, clients: clients, request: put(s.users)} }
	search := &traffic{address: s.server.address, clients: 1, request: list("query=r99")}
	name := fmt.Sprintf("PUT of %d users", s.users)
	if err := b.interfere(ctx, name, "a client that looks for three letters", updates, search); err != nil {
		return err
	}
	_, peak, err := s.server.memory()
	fmt.Printf("memory of userapi with %d users: at most %.0f MB\n", s.users, peak)
	return err
}

// starting measures how long a server needs from its start until it is ready.
func (b bench) starting(ctx context.Context, s *size) error {
	var all []float64
	for range b.rounds {
		if err := s.server.stop(); err != nil {
			return err
		}
		next, err := startServer(ctx, b.program("userapi"), s.database)
		if err != nil {
			return err
		}
		s.server = next
		all = append(all, next.started.Seconds())
	}
	fmt.Printf("with %d users, from the start to the first 200 of /readyz: %s, the slowest of %d %s\n",
		s.users, milliseconds(median(all)), b.rounds, milliseconds(slices.Max(all)))
	return nil
}
