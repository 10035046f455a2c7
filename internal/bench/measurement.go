package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// measurement is one kind of traffic and what came of it in each round.
type measurement struct {
	name    string
	traffic *traffic
	base    *measurement // what it is compared with; nil: nothing
	rounds  []result

	beside *traffic // sent at the same time; nil: none
	others []result // of beside
}

// alternate measures in rounds, in another order each.
func alternate(ctx context.Context, rounds int, length time.Duration, all []*measurement) error {
	for round := range rounds {
		for i := range all {
			if err := all[(i+round)%len(all)].measure(ctx, length); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *measurement) measure(ctx context.Context, length time.Duration) error {
	var r, other result
	var err error
	if m.beside == nil {
		r, err = m.traffic.run(ctx, length)
	} else {
		r, other, err = m.traffic.runBoth(ctx, length, m.beside)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	if r.perSecond == 0 {
		return fmt.Errorf("%s: nothing was answered in %s", m.name, length)
	}
	m.rounds, m.others = append(m.rounds, r), append(m.others, other)
	return nil
}

// The figures of a result; times are in seconds.
func perSecond(r result) float64 { return r.perSecond }
func p50(r result) float64       { return r.p50.Seconds() }
func p99(r result) float64       { return r.p99.Seconds() }
func worst(r result) float64     { return r.worst.Seconds() }

// median is that of a figure in all rounds.
func (m *measurement) median(figure func(result) float64) float64 { return medianOf(m.rounds, figure) }

func medianOf(rounds []result, figure func(result) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, figure(r))
	}
	return median(all)
}

// ratio is the median of the ratios to another measurement in the same round; "-" for none.
func (m *measurement) ratio(to *measurement, figure func(result) float64) string {
	if to == nil {
		return "-"
	}
	var all []float64
	for i, r := range m.rounds {
		all = append(all, figure(r)/figure(to.rounds[i]))
	}
	return fmt.Sprintf("%.2f", median(all))
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.1f ms", 1000*seconds) }

// columns are the cells of a table that every measurement has.
func (m *measurement) columns() string {
	return strings.Join([]string{
		fmt.Sprintf("%.0f", m.median(perSecond)), milliseconds(m.median(p50)), milliseconds(m.median(p99)), milliseconds(m.median(worst)),
	}, "\t")
}

// interfere measures traffic with and without other traffic beside it, and says what came of both.
func (b bench) interfere(ctx context.Context, name, other string, traffic func() *traffic, beside *traffic) error {
	alone := &measurement{name: name, traffic: traffic()}
	both := &measurement{name: name + " beside " + other, traffic: traffic(), beside: beside}
	if err := alternate(ctx, b.rounds, b.length, []*measurement{alone, both}); err != nil {
		return err
	}
	fmt.Printf("%s: %s of %s alone (p99 %s), and %.0f of the others a second",
		both.name, both.ratio(alone, perSecond), name, milliseconds(both.median(p99)), medianOf(both.others, perSecond))
	if beside.busy {
		fmt.Printf("; %d in all were refused with 503", beside.refused.Load())
	}
	fmt.Println()
	return nil
}
