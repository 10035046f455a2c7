package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// measurement is one kind of workload and what came of it in each round.
type measurement struct {
	name     string
	workload *workload
	baseline *measurement // what it is compared with; nil: nothing
	samples  []sample

	interference        *workload // sent at the same time; nil: none
	interferenceSamples []sample  // of interference
}

// runRounds measures in rounds, in another order each.
func runRounds(ctx context.Context, rounds int, length time.Duration, all []*measurement) error {
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
	var own, interfering sample
	var err error
	if m.interference == nil {
		own, err = m.workload.run(ctx, length)
	} else {
		own, interfering, err = m.workload.runWith(ctx, length, m.interference)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	if own.throughput == 0 {
		return fmt.Errorf("%s: nothing was answered in %s", m.name, length)
	}
	m.samples, m.interferenceSamples = append(m.samples, own), append(m.interferenceSamples, interfering)
	return nil
}

// The figures of a sample; times are in seconds.
func throughput(s sample) float64 { return s.throughput }
func p50(s sample) float64        { return s.p50.Seconds() }
func p99(s sample) float64        { return s.p99.Seconds() }
func maximum(s sample) float64    { return s.max.Seconds() }

// median is that of a figure in all rounds.
func (m *measurement) median(figure func(sample) float64) float64 { return medianOf(m.samples, figure) }

func medianOf(samples []sample, figure func(sample) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, figure(s))
	}
	return median(all)
}

// ratio is the median of the ratios to another measurement in the same round; "-" for none.
func (m *measurement) ratio(to *measurement, figure func(sample) float64) string {
	if to == nil {
		return "-"
	}
	var all []float64
	for i, s := range m.samples {
		all = append(all, figure(s)/figure(to.samples[i]))
	}
	return fmt.Sprintf("%.2f", median(all))
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.1f ms", 1000*seconds) }

// cells are the cells of a table that every measurement has.
func (m *measurement) cells() string {
	return strings.Join([]string{
		fmt.Sprintf("%.0f", m.median(throughput)), milliseconds(m.median(p50)), milliseconds(m.median(p99)), milliseconds(m.median(maximum)),
	}, "\t")
}

// measureInterference measures workload with and without other workload beside it, and says what came of both.
func (b bench) measureInterference(ctx context.Context, name, other string, newWorkload func() *workload, interference *workload) error {
	alone := &measurement{name: name, workload: newWorkload()}
	both := &measurement{name: name + " beside " + other, workload: newWorkload(), interference: interference}
	if err := runRounds(ctx, b.rounds, b.length, []*measurement{alone, both}); err != nil {
		return err
	}
	fmt.Printf("%s: %s of %s alone (p99 %s), and %.0f of the others a second",
		both.name, both.ratio(alone, throughput), name, milliseconds(both.median(p99)), medianOf(both.interferenceSamples, throughput))
	if interference.allow503 {
		fmt.Printf("; %d in all were refused with 503", interference.refused.Load())
	}
	fmt.Println()
	return nil
}
