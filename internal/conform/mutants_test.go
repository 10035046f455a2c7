package conform_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/conform"
	"userapi/internal/directory"
)

// mutant is a server, or a gateway in front of it, with one fault. In everything else it is honest.
type mutant struct {
	name  string
	proxy func() mutation    // nil: honest
	store func() faultyStore // nil: the server's own

	unjudged bool // conform says that it cannot judge such a server
}

// mutants are faults that real servers and gateways have.
var mutants = slices.Concat(answerMutants, pageMutants, requestMutants, storeMutants)

// Each mutant is caught with the usual number of requests.
func TestMutantsAreCaught(t *testing.T) {
	needed := make([][]string, len(mutants))
	t.Cleanup(func() { printNeeded(t, needed) })
	for i, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, seed := range seeds {
				needed[i] = append(needed[i], m.catch(t, seed))
			}
		})
	}
}

// The proxy itself is not what is caught.
func TestAnHonestProxyPasses(t *testing.T) {
	for _, seed := range seeds {
		report, mutated := mutant{}.judge(t, seed, conform.DefaultRequests)
		require.Empty(t, report.Faults)
		require.Zero(t, mutated)
		require.GreaterOrEqual(t, report.Requests, conform.DefaultRequests)
	}
}

// catch returns the number of the request at which the mutant was caught, and the rule. Fewer requests with the same seed
// are the first ones of more, so it begins with a few.
func (m mutant) catch(t *testing.T, seed uint64) string {
	t.Helper()
	for _, requests := range []int{100, 400, conform.DefaultRequests} {
		report, mutated := m.judge(t, seed, requests)
		if len(report.Faults) > 0 {
			require.NotZero(t, mutated, "nothing was mutated, and %+v was found", report.Faults)
			first := slices.MinFunc(report.Faults, func(a, b conform.Fault) int { return a.Request - b.Request })
			return fmt.Sprintf("%d\t%s", first.Request, first.Rule)
		}
		if requests == conform.DefaultRequests {
			require.NotZero(t, mutated, "nothing was mutated with seed %d", seed)
		}
	}
	t.Errorf("this was not caught with seed %d", seed)
	return "-\t"
}

// judge runs conform against the mutant, and returns how often the mutant has shown its fault.
func (m mutant) judge(t *testing.T, seed uint64, requests int) (report conform.Report, mutated int) {
	t.Helper()
	var config apitest.Config
	var stored atomic.Int64
	if m.store != nil {
		config.Store = func(honest directory.Store) directory.Store {
			faulty := m.store()
			faulty.Store, faulty.mutated = honest, func() { stored.Add(1) }
			return &faulty
		}
	}
	server := apitest.Start(t, config)
	mutate := honest
	if m.proxy != nil {
		mutate = m.proxy()
	}
	p, address := startProxy(t, server, mutate)
	report, err := conform.Run(t.Context(), conform.Options{URL: address, Token: server.Token, Requests: requests, Seed: seed})
	if _, ok := errors.AsType[*conform.CannotJudgeError](err); ok && m.unjudged {
		report.Faults = []conform.Fault{{Rule: "cannot be judged", Request: 1}}
	} else {
		require.NoError(t, err)
	}
	return report, p.count() + int(stored.Load())
}

// printNeeded prints how many requests each mutant needed with each seed.
func printNeeded(t *testing.T, needed [][]string) {
	t.Helper()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "mutant\tseed\trequest\trule")
	for i, m := range mutants {
		for j, row := range needed[i] {
			fmt.Fprintf(table, "%s\t%d\t%s\n", m.name, seeds[j], row)
		}
	}
	require.NoError(t, table.Flush())
	t.Log("\n" + text.String())
}
