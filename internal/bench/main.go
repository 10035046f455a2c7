// Command bench measures userapi beside two floors: a server that answers a constant,
// and one that does one durable UPDATE a request. All of them and the clients are
// processes of this machine, and one is under load at a time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"
)

const (
	clients = 64
	few     = 1000 // users in the database of the first table
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b := bench{}
	flag.IntVar(&b.rounds, "rounds", 5, "how often each measurement is repeated; medians are printed")
	flag.DurationVar(&b.length, "length", 2*time.Second, "how long one measurement takes")
	flag.StringVar(&b.programs, "programs", "bin", "the folder with userapi, constant and durable")
	flag.Parse()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	rounds   int
	length   time.Duration
	programs string
	folder   string // for databases and logs
}

func (b bench) run(ctx context.Context) (err error) {
	if b.folder, err = os.MkdirTemp(b.programs, "bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	fmt.Printf("%s, %s, %d cores, %d clients on them, medians of %d rounds of %s\n\n",
		time.Now().UTC().Format(time.DateOnly), cpu(), runtime.NumCPU(), clients, b.rounds, b.length)
	return b.floors(ctx)
}

// put changes users that no other client changes, in an order that looks like none, and
// each to what it was not: SQLite does not write what is there already.
func put(users int) func(client, number int) (method, path, body string) {
	each := max(1, (users-1)/clients)
	return func(client, number int) (method, path, body string) {
		user := 2 + client + clients*(number*7919%each)
		if user%hundred == 0 {
			user++ // not the only administrator of an enterprise
		}
		path = "/openapi/v1/users/" + strconv.Itoa(user)
		if number/each%2 == 0 {
			return http.MethodPut, path, `{"is_active":null}`
		}
		return http.MethodPut, path, `{"is_active":true}`
	}
}

func get(users int) func(client, number int) (method, path, body string) {
	put := put(users)
	return func(client, number int) (method, path, body string) {
		_, path, _ = put(client, number)
		return http.MethodGet, path, ""
	}
}

// floors measures the server and the floors in turn.
func (b bench) floors(ctx context.Context) (err error) {
	own, durable := filepath.Join(b.folder, "own.db"), filepath.Join(b.folder, "durable.db")
	if err := errors.Join(seed(ctx, own, few), seed(ctx, durable, few)); err != nil {
		return err
	}
	server, err := startServer(ctx, filepath.Join(b.programs, "userapi"), own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	constant, err := startFloor(ctx, filepath.Join(b.programs, "constant"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, constant.stop()) }()
	update, err := startFloor(ctx, filepath.Join(b.programs, "durable"), durable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, update.stop()) }()

	measured := []*measurement{
		{name: "constant", traffic: &traffic{address: constant.address, clients: clients, request: put(few)}},
		{name: "durable UPDATE", traffic: &traffic{address: update.address, clients: clients, request: put(few)}},
		{name: "userapi PUT", traffic: &traffic{address: server.address, clients: clients, request: put(few)}},
		{name: "userapi GET", traffic: &traffic{address: server.address, clients: clients, request: get(few)}},
		{name: "durable UPDATE, 1 client", traffic: &traffic{address: update.address, clients: 1, request: put(few)}},
		{name: "userapi PUT, 1 client", traffic: &traffic{address: server.address, clients: 1, request: put(few)}},
	}
	if err := b.alternate(ctx, measured); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trequests/s\tp50\tp99\tworst\tof constant\tof durable\tp99 of constant\t")
	for i, m := range measured {
		floor := measured[1]
		if m.traffic.clients == 1 {
			floor = measured[4]
		}
		fmt.Fprintf(table, "%s\t%.0f\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t\n", m.name, m.median(perSecond),
			milliseconds(m.median(p50)), milliseconds(m.median(p99)), milliseconds(m.median(worst)),
			m.ratio(measured[0], perSecond), m.ratio(floor, perSecond), m.ratio(measured[0], p99))
		_ = i
	}
	if err := table.Flush(); err != nil {
		return err
	}
	now, peak, err := server.memory()
	fmt.Printf("\nmemory of userapi: %.0f MB, at most %.0f MB\n", now, peak)
	return err
}

// measurement is one kind of traffic and what came of it in each round.
type measurement struct {
	name    string
	traffic *traffic
	rounds  []result
}

// alternate measures in rounds, in another order each.
func (b bench) alternate(ctx context.Context, all []*measurement) error {
	for round := range b.rounds {
		for i := range all {
			m := all[(i+round)%len(all)]
			r, err := m.traffic.run(ctx, b.length)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			m.rounds = append(m.rounds, r)
		}
	}
	return nil
}

// The figures of a result.
func perSecond(r result) float64 { return r.perSecond }
func p50(r result) float64       { return r.p50.Seconds() }
func p99(r result) float64       { return r.p99.Seconds() }
func worst(r result) float64     { return r.worst.Seconds() }

func (m *measurement) median(figure func(result) float64) float64 {
	var all []float64
	for _, r := range m.rounds {
		all = append(all, figure(r))
	}
	return median(all)
}

// ratio is the median of the ratios to another measurement in the same round.
func (m *measurement) ratio(to *measurement, figure func(result) float64) float64 {
	var all []float64
	for i, r := range m.rounds {
		all = append(all, figure(r)/figure(to.rounds[i]))
	}
	return median(all)
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.1f ms", 1000*seconds) }
