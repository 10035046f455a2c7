package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

// errSlower means that a verdict is "slower".
var errSlower = errors.New("the working tree is slower than base")

// compareUsers is the number of users in each of the compared databases.
const compareUsers = 100_000

// The contestants are three servers, each on a database of its own.
const (
	base = iota // built from a commit
	tree        // built from the working tree
	null        // the program of base again
	contestants
)

// comparison is one workload and its measurement on each contestant.
type comparison struct {
	name         string
	measurements [contestants]*measurement
}

// compare measures a commit and the working tree in turn. It fails with [errSlower] if the
// tree is slower.
func (b bench) compare(ctx context.Context) (err error) {
	commit, err := b.findCommit(ctx)
	if err != nil {
		return err
	}
	program, err := b.build(ctx, commit)
	if err != nil {
		return err
	}
	if err := b.printContestants(ctx, commit); err != nil {
		return err
	}
	var servers [contestants]*process
	for i, program := range [contestants]string{base: program, tree: b.program("userapi"), null: program} {
		if servers[i], err = b.startContestant(ctx, program, i); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, servers[i].stop()) }()
	}
	comparisons := []*comparison{
		newComparison("PUT", servers, clients, put(compareUsers)),
		newComparison("GET", servers, clients, get(compareUsers)),
		newComparison("PUT", servers, 1, put(compareUsers)),
		newComparison("GET", servers, 1, get(compareUsers)),
		newComparison("list, page 1", servers, listClients, list("page=1")),
	}
	for round := range b.rounds {
		for _, c := range comparisons {
			for _, contestant := range order(round) {
				if err := c.measurements[contestant].measureCPU(ctx, b.timing); err != nil {
					return err
				}
			}
		}
	}
	return report(comparisons)
}

func (b bench) printContestants(ctx context.Context, commit string) error {
	baseName, err := output(ctx, "git", "log", "-1", "--format=%h (%s)", commit)
	if err != nil {
		return err
	}
	treeName, err := output(ctx, "git", "describe", "--always", "--exclude=*", "--dirty= with changes")
	if err != nil {
		return err
	}
	fmt.Printf(`%s, %s, %d cores, shared by servers and clients.
base is %s.
tree is the working tree: %s.
null is the program of base in a second process: the ratio of null to base is noise.
%d rounds of %s with %d users. A column with "vs" has ratios within the same round:
the median [lower quartile, upper quartile] of all rounds.
`, time.Now().UTC().Format(time.DateOnly), processorName(), runtime.NumCPU(), baseName, treeName, b.rounds, b.length, compareUsers)
	return nil
}

func (b bench) startContestant(ctx context.Context, program string, contestant int) (*process, error) {
	database, err := b.seedDatabase(ctx, program, fmt.Sprint("contestant", contestant), compareUsers)
	if err != nil {
		return nil, err
	}
	return startServer(ctx, program, database)
}

func newComparison(request string, servers [contestants]*process, clients int, f requestFunc) *comparison {
	c := &comparison{name: fmt.Sprintf("%s, %d clients", request, clients)}
	if clients == 1 {
		c.name = request + ", 1 client"
	}
	for i, server := range servers {
		c.measurements[i] = &measurement{name: c.name, workload: &workload{server: server, clients: clients, request: f}}
	}
	return c
}

// order returns the contestants of a round in the order in which they are measured. Each
// of the six orders comes once in six rounds.
func order(round int) [contestants]int {
	first, second, third := round%contestants, (round+1)%contestants, (round+2)%contestants
	if round%2 == 1 {
		second, third = third, second
	}
	return [contestants]int{first, second, third}
}

// report prints the tables and verdicts. It fails with [errSlower] if a verdict is "slower".
func report(comparisons []*comparison) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\nRequests/s, more is better:\n\n\tbase\ttree\ttree vs base\tnull vs base\t\n")
	for _, c := range comparisons {
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%s\t%s\t\n", c.name,
			c.measurements[base].median(throughput), c.measurements[tree].median(throughput), c.spread(tree, throughput), c.spread(null, throughput))
	}
	fmt.Fprint(table, "\nCPU time of the server per request, less is better:\n\n\tbase\ttree\ttree vs base\tnull vs base\t\n")
	for _, c := range comparisons {
		fmt.Fprintf(table, "%s\t%.0f µs\t%.0f µs\t%s\t%s\t\n", c.name,
			1e6*c.measurements[base].median(cpu), 1e6*c.measurements[tree].median(cpu), c.spread(tree, cpu), c.spread(null, cpu))
	}
	fmt.Fprint(table, "\nVerdicts on the tree:\n\n\trequests/s\tCPU time\t\n")
	var err error
	for _, c := range comparisons {
		speed := slower(c.spread(tree, throughput), c.spread(null, throughput))
		cost := slower(c.spread(tree, cpu).inverse(), c.spread(null, cpu).inverse())
		fmt.Fprintf(table, "%s\t%s\t%s\t\n", c.name, verdict(speed), verdict(cost))
		if speed || cost {
			err = errSlower
		}
	}
	return errors.Join(err, table.Flush())
}

// spread is that of the ratios of a contestant to base.
func (c *comparison) spread(contestant int, figure func(sample) float64) spread {
	return spreadOf(c.measurements[contestant].ratios(c.measurements[base], figure))
}
