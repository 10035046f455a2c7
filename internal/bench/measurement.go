package main

import (
	"context"
	"fmt"
	"strings"
)

// measurement is a workload and its sample of each round.
type measurement struct {
	name     string
	workload *workload
	pgbench  *pgbench     // instead of the workload; nil: none
	baseline *measurement // nil: not compared
	samples  []sample

	interference        *workload // sent at the same time; nil: none
	interferenceSamples []sample
}

// runRounds measures everything once in each round. Each round begins with another
// measurement, so that none is always the first.
func runRounds(ctx context.Context, rounds int, t timing, all []*measurement) error {
	for round := range rounds {
		for i := range all {
			if err := all[(i+round)%len(all)].measure(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *measurement) measure(ctx context.Context, t timing) error {
	var own, interfering sample
	var err error
	switch {
	case m.pgbench != nil:
		own, err = m.pgbench.run(ctx, t)
	case m.interference != nil:
		own, interfering, err = m.workload.runWith(ctx, t, m.interference)
	default:
		own, err = m.workload.run(ctx, t)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	if own.throughput == 0 {
		return fmt.Errorf("%s: nothing was answered in %s", m.name, t.length)
	}
	m.samples, m.interferenceSamples = append(m.samples, own), append(m.interferenceSamples, interfering)
	return nil
}

// Figures of a sample; times are in seconds.
func throughput(s sample) float64 { return s.throughput }
func p50(s sample) float64        { return s.p50.Seconds() }
func p99(s sample) float64        { return s.p99.Seconds() }
func maximum(s sample) float64    { return s.max.Seconds() }
func cpu(s sample) float64        { return s.cpu.Seconds() }

// median is the median of a figure over all rounds.
func (m *measurement) median(figure func(sample) float64) float64 { return medianOf(m.samples, figure) }

func medianOf(samples []sample, figure func(sample) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, figure(s))
	}
	return median(all)
}

// ratios divides a figure by that of another measurement in the same round.
func (m *measurement) ratios(to *measurement, figure func(sample) float64) (all []float64) {
	for i, s := range m.samples {
		all = append(all, figure(s)/figure(to.samples[i]))
	}
	return all
}

// ratio is the median of the ratios; "-" if to is nil.
func (m *measurement) ratio(to *measurement, figure func(sample) float64) string {
	if to == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", median(m.ratios(to, figure)))
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.1f ms", 1000*seconds) }

// cells are the columns that all tables have: requests/s, p50, p99 and max.
func (m *measurement) cells() string {
	return strings.Join([]string{
		fmt.Sprintf("%.0f", m.median(throughput)), milliseconds(m.median(p50)), milliseconds(m.median(p99)), milliseconds(m.median(maximum)),
	}, "\t")
}

// measureInterference measures a workload alone and while another one interferes, and
// prints the ratio.
func (b bench) measureInterference(ctx context.Context, name, other string, newWorkload func() *workload, interference *workload) error {
	alone := &measurement{name: name, workload: newWorkload()}
	both := &measurement{name: name + " while " + other, workload: newWorkload(), interference: interference}
	if err := runRounds(ctx, b.rounds, b.timing, []*measurement{alone, both}); err != nil {
		return err
	}
	fmt.Printf("%s: %s of the requests/s of %s alone, p99 %s. The interfering load had %.0f answers/s",
		both.name, both.ratio(alone, throughput), name, milliseconds(both.median(p99)), medianOf(both.interferenceSamples, throughput))
	if interference.allow503 {
		fmt.Printf(", and %d answers with 503 in all rounds", interference.refused.Load())
	}
	fmt.Println(".")
	return nil
}
