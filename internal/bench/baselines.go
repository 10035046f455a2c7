package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
)

// baselineUsers is the number of users in the databases of userapi and of the durable baseline.
const baselineUsers = 1000

// measureBaselines measures the server and the baselines in turn, then the server while other clients read or change passwords.
func (b bench) measureBaselines(ctx context.Context) (err error) {
	database, err := b.seedDatabase(ctx, b.program("userapi"), "userapi", baselineUsers)
	if err != nil {
		return err
	}
	durableDatabase, err := b.seedDatabase(ctx, b.program("userapi"), "durable", baselineUsers)
	if err != nil {
		return err
	}
	server, err := startServer(ctx, b.program("userapi"), database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	constant, err := startBaseline(ctx, b.program("constant"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, constant.stop()) }()
	durable, err := startBaseline(ctx, b.program("durable"), durableDatabase)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, durable.stop()) }()

	newMeasurement := func(name string, p *process, clients int, request requestFunc) *measurement {
		return &measurement{name: name, workload: &workload{server: p, clients: clients, request: request}}
	}
	constantPut := newMeasurement("constant", constant, clients, put(baselineUsers))
	durablePut := newMeasurement("durable UPDATE", durable, clients, put(baselineUsers))
	durablePut1 := newMeasurement("durable UPDATE, 1 client", durable, 1, put(baselineUsers))
	userapiPut := newMeasurement("userapi PUT", server, clients, put(baselineUsers))
	userapiPut1 := newMeasurement("userapi PUT, 1 client", server, 1, put(baselineUsers))
	userapiPut.baseline, userapiPut1.baseline = durablePut, durablePut1
	measurements := []*measurement{
		constantPut, durablePut, userapiPut,
		newMeasurement("userapi GET", server, clients, get(baselineUsers)),
		durablePut1, userapiPut1,
	}
	if err := runRounds(ctx, b.rounds, b.timing, measurements); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trequests/s\tp50\tp99\tmax\tvs constant\tvs durable\tp99 vs constant\t")
	for _, m := range measurements {
		reference := constantPut
		if m.workload.clients == 1 {
			reference = nil
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\n", m.name, m.cells(), m.ratio(reference, throughput), m.ratio(m.baseline, throughput), m.ratio(reference, p99))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Println()
	if err := b.measureReaders(ctx, server); err != nil {
		return err
	}
	return b.measureHashing(ctx, server)
}

// measureHashing measures updates while other clients change passwords, and the server's memory.
func (b bench) measureHashing(ctx context.Context, server *process) error {
	loaded, _, err := server.memory()
	if err != nil {
		return err
	}
	newUpdates := func() *workload {
		return &workload{server: server, clients: clients, request: put(baselineUsers)}
	}
	hashing := &workload{server: server, clients: 16, request: putPassword, allow503: true}
	if err := b.measureInterference(ctx, "PUT", "16 clients change passwords", newUpdates, hashing); err != nil {
		return err
	}
	_, peak, err := server.memory()
	fmt.Printf("Memory of userapi (VmRSS): %.0f MB after the first table, at most %.0f MB while passwords were hashed.\n", loaded, peak)
	return err
}
