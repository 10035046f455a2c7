package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
)

// few is how many users there are beside the floors.
const few = 1000

// floors measures the server and the floors in turn, then the server while passwords are changed.
func (b bench) floors(ctx context.Context) (err error) {
	own, err := b.seeded(ctx, "own", few)
	if err != nil {
		return err
	}
	same, err := b.seeded(ctx, "durable", few)
	if err != nil {
		return err
	}
	server, err := startServer(ctx, b.program("userapi"), own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	constant, err := startFloor(ctx, b.program("constant"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, constant.stop()) }()
	durable, err := startFloor(ctx, b.program("durable"), same)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, durable.stop()) }()

	measure := func(name string, p *process, clients int, request requester) *measurement {
		return &measurement{name: name, traffic: &traffic{address: p.address, clients: clients, request: request}}
	}
	floor := measure("constant", constant, clients, put(few))
	update := measure("durable UPDATE", durable, clients, put(few))
	single := measure("durable UPDATE, 1 client", durable, 1, put(few))
	measured := []*measurement{
		floor, update,
		measure("userapi PUT", server, clients, put(few)),
		measure("userapi GET", server, clients, get(few)),
		single,
		measure("userapi PUT, 1 client", server, 1, put(few)),
	}
	if err := alternate(ctx, b.rounds, b.length, measured); err != nil {
		return err
	}
	measured[2].base, measured[5].base = update, single
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trequests/s\tp50\tp99\tworst\tof constant\tof durable\tp99 of constant's\t")
	for _, m := range measured {
		to := floor
		if m.traffic.clients == 1 {
			to = nil
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\n", m.name, m.columns(), m.ratio(to, perSecond), m.ratio(m.base, perSecond), m.ratio(to, p99))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Println()
	return b.hashing(ctx, server)
}

// hashing measures updates while passwords are changed, and the server's memory.
func (b bench) hashing(ctx context.Context, server *process) error {
	load, _, err := server.memory()
	if err != nil {
		return err
	}
	updates := func() *traffic { return &traffic{address: server.address, clients: clients, request: put(few)} }
	flood := &traffic{address: server.address, clients: 16, request: putPassword, busy: true}
	if err := b.interfere(ctx, "PUT", "16 clients that change passwords", updates, flood); err != nil {
		return err
	}
	_, peak, err := server.memory()
	fmt.Printf("memory of userapi (VmRSS): %.0f MB after the load, at most %.0f MB, hashing included\n", load, peak)
	return err
}
