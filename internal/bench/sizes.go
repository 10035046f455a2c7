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
		send("list, page 1,000", listers, list("page=1000"))
	}
	if err := alternate(ctx, b.rounds, b.length, all); err != nil {
		return err
	}
	fmt.Printf("\nWith more and more users; lists have 10 of them a page, and %d clients:\n\n", listers)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "users\t\trequests/s\tp50\tp99\tworst\tof 1000 users\t")
	for i := range sizes[0].measured {
		for _, s := range sizes {
			m := s.measured[i]
			fmt.Fprintf(table, "%d\t%s\t%.0f\t%s\t%s\t%s\t%.2f\t\n", s.users, m.name, m.median(perSecond), milliseconds(m.median(p50)),
				milliseconds(m.median(p99)), milliseconds(m.median(worst)), m.ratio(sizes[0].measured[i], perSecond))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	largest := sizes[len(sizes)-1]
	return errors.Join(b.searching(ctx, largest), b.starting(ctx, largest))
}

// searching measures updates while someone looks for three letters.
func (b bench) searching(ctx context.Context, s *size) error {
	updates := func() *traffic { return &traffic{address: s.server.address, clients: clients, request: put(s.users)} }
	search := &traffic{address: s.server.address, clients: 1, request: list("query=r99")}
	alone := &measurement{name: "PUT", traffic: updates()}
	beside := &measurement{name: "PUT beside a query", traffic: updates(), beside: search}
	if err := alternate(ctx, b.rounds, b.length, []*measurement{alone, beside}); err != nil {
		return err
	}
	_, peak, err := s.server.memory()
	fmt.Printf("\nof %d users: PUT beside a client that looks for three letters: %.2f of PUT without (p99 %s)\n",
		s.users, beside.ratio(alone, perSecond), milliseconds(beside.median(p99)))
	fmt.Printf("memory of userapi: at most %.0f MB\n", peak)
	return err
}

// starting measures how long a server needs from its start to its first answer.
func (b bench) starting(ctx context.Context, s *size) error {
	var all []float64
	for range b.rounds {
		if err := s.server.stop(); err != nil {
			return err
		}
		var err error
		if s.server, err = startServer(ctx, b.program("userapi"), s.database); err != nil {
			return err
		}
		all = append(all, s.server.started.Seconds())
	}
	slowest := slices.Max(all)
	fmt.Printf("from start to the first 200: %s, at most %s\n", milliseconds(median(all)), milliseconds(slowest))
	return nil
}
