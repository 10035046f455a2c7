package conform

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Report says what a run has found.
type Report struct {
	URL        string
	Contract   string // the version of the contract that the server was judged by
	Seed       uint64
	Requests   int // without those that removed what the run had made
	Took       time.Duration
	Faults     []Fault           // each rule that an operation breaks, once, in the order in which they were found
	Operations []OperationResult // sorted by name
	Left       []string          // paths of users who could not be removed
	Stopped    string            // why the run has not judged everything; "": it has
}

// Fault is a rule that an operation breaks, with the first request that shows it.
type Fault struct {
	Operation string // operationId, or "" for a path outside the contract
	Rule      string
	Curl      string // the request as a command line, without secrets
	Wanted    string
	Line      int // of openapi.yaml, which says so; 0: none
	Got       string
	Request   int // the number of the request, from 1
	Times     int // how often it was seen
}

// OperationResult counts what was done with an operation.
type OperationResult struct {
	Operation string
	Requests  int
	Succeeded int // answers with 2xx or 304
	Rules     []RuleResult
	Faults    int // rules that are broken
}

// RuleResult counts how often an operation was judged by a rule.
type RuleResult struct {
	Rule   string
	Checks int
}

// tally collects a Report while a run goes on.
type tally struct {
	faults  []*Fault
	results map[string]*OperationResult
	checks  map[string]map[string]int // by operation and rule
}

func newTally(operations []Operation) *tally {
	t := &tally{results: map[string]*OperationResult{}, checks: map[string]map[string]int{}}
	for _, o := range operations {
		t.of(o.ID())
	}
	return t
}

func (t *tally) of(operation string) *OperationResult {
	if t.results[operation] == nil {
		t.results[operation] = &OperationResult{Operation: operation}
		t.checks[operation] = map[string]int{}
	}
	return t.results[operation]
}

func (t *tally) check(operation, rule string) {
	t.of(operation)
	t.checks[operation][rule]++
}

// add keeps a fault, or counts it if it is known.
func (t *tally) add(f Fault) {
	for _, known := range t.faults {
		if known.Operation == f.Operation && known.Rule == f.Rule {
			known.Times++
			return
		}
	}
	f.Times = 1
	if t.of(f.Operation); t.checks[f.Operation][f.Rule] == 0 {
		t.check(f.Operation, f.Rule) // each fault is a case of a rule
	}
	t.faults = append(t.faults, &f)
	t.of(f.Operation).Faults++
}

func (t *tally) fill(r *Report) {
	for _, f := range t.faults {
		r.Faults = append(r.Faults, *f)
	}
	for _, name := range slices.Sorted(maps.Keys(t.results)) {
		result := *t.results[name]
		for rule, checks := range t.checks[name] {
			result.Rules = append(result.Rules, RuleResult{rule, checks})
		}
		slices.SortFunc(result.Rules, func(a, b RuleResult) int { return cmp.Compare(a.Rule, b.Rule) })
		r.Operations = append(r.Operations, result)
	}
}
