package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
)

// listClients is the number of clients that list users.
const listClients = 8

// dataset is a database with a number of users, and the server on it.
type dataset struct {
	users        int
	database     string
	server       *process
	measurements []*measurement
}

// measureDatasets measures a server for each of three numbers of users, in turn.
func (b bench) measureDatasets(ctx context.Context) (err error) {
	var datasets []*dataset
	for _, users := range []int{1000, 100_000, 1_000_000} {
		d := &dataset{users: users}
		if d.database, err = b.seedDatabase(ctx, b.program("userapi"), fmt.Sprint(users), users); err != nil {
			return err
		}
		if d.server, err = startServer(ctx, b.program("userapi"), d.database); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.server.stop()) }()
		datasets = append(datasets, d)
	}
	var all []*measurement
	for _, d := range datasets {
		add := func(name string, clients int, request requestFunc) {
			m := &measurement{name: name, workload: &workload{server: d.server, clients: clients, request: request}}
			d.measurements, all = append(d.measurements, m), append(all, m)
		}
		add("PUT", clients, put(d.users))
		add("GET", clients, get(d.users))
		add("list, page 1", listClients, list("page=1"))
		if d.users > 1000 {
			add("list, page 1,000", listClients, list("page=1000"))
		}
	}
	if err := runRounds(ctx, b.rounds, b.timing, all); err != nil {
		return err
	}
	fmt.Printf("\nFrom 1000 to 1000000 users. A list has 10 users on each page, and %d clients read it.\n"+
		"The column vs first is the ratio of requests/s to the first row with the same name.\n\n", listClients)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tusers\trequests/s\tp50\tp99\tmax\tvs first\t")
	first := map[string]*measurement{}
	for i := range datasets[1].measurements {
		for _, d := range datasets {
			if i == len(d.measurements) {
				continue
			}
			m := d.measurements[i]
			if first[m.name] == nil {
				first[m.name] = m
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\t\n", m.name, d.users, m.cells(), m.ratio(first[m.name], throughput))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Println()
	largest := datasets[len(datasets)-1]
	return errors.Join(b.measureSearch(ctx, largest), b.measureStartup(ctx, largest))
}

// measureSearch measures updates while a client searches for three letters.
func (b bench) measureSearch(ctx context.Context, d *dataset) error {
	newUpdates := func() *workload { return &workload{server: d.server, clients: clients, request: put(d.users)} }
	search := &workload{server: d.server, clients: 1, request: list("query=r99")}
	name := fmt.Sprintf("PUT with %d users", d.users)
	if err := b.measureInterference(ctx, name, "a client searches for three letters", newUpdates, search); err != nil {
		return err
	}
	_, peak, err := d.server.memory()
	fmt.Printf("Memory of userapi with %d users (VmRSS): at most %.0f MB.\n", d.users, peak)
	return err
}

// measureStartup measures how long a server takes from its start until it is ready.
func (b bench) measureStartup(ctx context.Context, d *dataset) error {
	var all []float64
	for range b.rounds {
		if err := d.server.stop(); err != nil {
			return err
		}
		next, err := startServer(ctx, b.program("userapi"), d.database)
		if err != nil {
			return err
		}
		d.server = next
		all = append(all, next.startup.Seconds())
	}
	fmt.Printf("Startup with %d users, until /readyz answers 200: median %s, max %s of %d starts.\n",
		d.users, milliseconds(median(all)), milliseconds(slices.Max(all)), b.rounds)
	return nil
}
