package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
)

// crowds are numbers of clients. The first is what the others are compared with.
var crowds = []int{clients, 1000, 3000, 5000}

// crowd is a number of clients, and a server of its own, so that its peak of memory is that of this
// number.
type crowd struct {
	clients  int
	server   *process
	requests []*crowdRequest
}

// crowdRequest is one kind of request, measured on userapi and on the constant baseline.
type crowdRequest struct {
	name              string
	userapi, constant *measurement
}

// measureCrowds measures userapi and the constant baseline with thousands of clients, in turn.
func (b bench) measureCrowds(ctx context.Context) (err error) {
	constant, err := startBaseline(ctx, b.program("constant"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, constant.stop()) }()
	var all []*crowd
	var measurements []*measurement
	for _, number := range crowds {
		database, err := b.seedDatabase(ctx, b.program("userapi"), fmt.Sprint("crowd", number), baselineUsers)
		if err != nil {
			return err
		}
		c := &crowd{clients: number}
		if c.server, err = startServer(ctx, b.program("userapi"), database); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.server.stop()) }()
		add := func(name string, request requestFunc) {
			on := func(p *process) *measurement {
				return &measurement{name: name, workload: &workload{server: p, clients: number, request: request, allow503: true}}
			}
			r := &crowdRequest{name: name, userapi: on(c.server), constant: on(constant)}
			c.requests = append(c.requests, r)
			measurements = append(measurements, r.constant, r.userapi)
		}
		add("PUT", put(baselineUsers))
		add("GET", get(baselineUsers))
		all = append(all, c)
	}
	half := timing{b.warmUp, b.length / 2} // these are many measurements
	if err := runRounds(ctx, b.rounds, half, measurements); err != nil {
		return err
	}
	return printCrowds(all)
}

func printCrowds(all []*crowd) error {
	fmt.Printf("\nWith thousands of clients, each on a connection of its own. Goodput is the ratio of requests/s to those with %d clients,\n"+
		"divided by the same ratio of constant. Memory is the peak of a server (VmHWM).\n\n", clients)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tclients\trequests/s\tp50\tp99\tmax\t503\tgoodput\tmemory\t")
	for i, first := range all[0].requests {
		for _, c := range all {
			r := c.requests[i]
			_, peak, err := c.server.memory()
			if err != nil {
				return err
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%.2f\t%.0f MB\t\n", r.name, c.clients, r.userapi.cells(),
				r.userapi.workload.refused.Load(), median(r.goodput(first)), peak)
		}
	}
	return table.Flush()
}

// goodput is the ratios of userapi to first, each divided by that of constant in the same round.
func (r *crowdRequest) goodput(first *crowdRequest) []float64 {
	all := r.userapi.ratios(first.userapi, throughput)
	for i, expected := range r.constant.ratios(first.constant, throughput) {
		all[i] /= expected
	}
	return all
}

// measureReaders measures updates and reads alone and at the same time, and prints the ratios.
func (b bench) measureReaders(ctx context.Context, server *process) error {
	newMeasurement := func(name string, request requestFunc) *measurement {
		return &measurement{name: name, workload: &workload{server: server, clients: clients, request: request}}
	}
	puts, gets := newMeasurement("PUT", put(baselineUsers)), newMeasurement("GET", get(baselineUsers))
	both := newMeasurement("PUT next to GET", put(baselineUsers))
	both.interference = &workload{server: server, clients: clients, request: get(baselineUsers)}
	if err := runRounds(ctx, b.rounds, b.timing, []*measurement{puts, both, gets}); err != nil {
		return err
	}
	readers := &measurement{samples: both.interferenceSamples}
	fmt.Printf("PUT while %d clients read: %s of the requests/s of PUT alone, p99 %s. The readers have %s of the requests/s of GET alone, p99 %s.\n",
		clients, both.ratio(puts, throughput), milliseconds(both.median(p99)), readers.ratio(gets, throughput), milliseconds(readers.median(p99)))
	return nil
}
