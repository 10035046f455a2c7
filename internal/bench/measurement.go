package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// measurement is one kind of traffic and what came of it in each round.
type measurement struct {
	name    string
	traffic *traffic
	beside  *traffic // sent at the same time, and not measured; nil: none
	rounds  []result
}

// alternate measures in rounds, in another order each.
func alternate(ctx context.Context, rounds int, length time.Duration, all []*measurement) error {
	for round := range rounds {
		for i := range all {
			m := all[(i+round)%len(all)]
			r, err := m.traffic.runBeside(ctx, length, m.beside)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			m.rounds = append(m.rounds, r)
		}
	}
	return nil
}

// The figures of a result; times are in seconds.
func perSecond(r result) float64 { return r.perSecond }
func p50(r result) float64       { return r.p50.Seconds() }
func p99(r result) float64       { return r.p99.Seconds() }
func worst(r result) float64     { return r.worst.Seconds() }

// median is that of a figure in all rounds.
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
