package main

import (
	"fmt"
	"slices"
)

// spread is the quartiles of the ratios of all rounds: half of the ratios lie between
// lower and upper.
type spread struct{ lower, median, upper float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	return spread{quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)}
}

func median(values []float64) float64 { return spreadOf(values).median }

// quantile interpolates between the two values that are next to fraction, from 0 to 1.
func quantile(sorted []float64, fraction float64) float64 {
	position := fraction * float64(len(sorted)-1)
	below := int(position)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (position-float64(below))*(sorted[above]-sorted[below])
}

// inverse is the spread of the inverse ratios.
func (s spread) inverse() spread { return spread{1 / s.upper, 1 / s.median, 1 / s.lower} }

func (s spread) String() string { return fmt.Sprintf("%.2f [%.2f, %.2f]", s.median, s.lower, s.upper) }

// slowerBelow is the median ratio under which the tree is slower, however strong the noise.
const slowerBelow = 0.90

// slower reports whether the tree is slower than base. The spreads are those of ratios to
// base, in which more is better. The null can be off to either side of 1 by chance: if it
// is faster than base, a tree that equals base is still not slower.
func slower(tree, null spread) bool {
	return tree.median < slowerBelow || tree.upper < min(null.lower, 1)
}

func verdict(slower bool) string {
	if slower {
		return "slower"
	}
	return "no slower"
}
