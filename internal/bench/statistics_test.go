package main

import "testing"

func TestSpreadHasInterpolatedQuartiles(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{2, 1}, spread{1.25, 1.5, 1.75}},
		{[]float64{4, 1, 3, 2}, spread{1.75, 2.5, 3.25}},
		{[]float64{5, 1, 4, 2, 3}, spread{2, 3, 4}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("the spread of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestSpreadKeepsTheOrderOfRounds(t *testing.T) {
	values := []float64{3, 1, 2}
	spreadOf(values)
	if values[0] != 3 || values[1] != 1 || values[2] != 2 {
		t.Errorf("spreadOf sorted its argument: %v", values)
	}
}

func TestInverseSpreadSwapsTheQuartiles(t *testing.T) {
	if got, want := (spread{1, 2, 4}).inverse(), (spread{0.25, 0.5, 1}); got != want {
		t.Errorf("the inverse is %v, want %v", got, want)
	}
}

func TestSlower(t *testing.T) {
	for _, test := range []struct {
		name       string
		tree, null spread
		want       bool
	}{
		{"same as the null", spread{0.98, 1, 1.02}, spread{0.98, 1, 1.02}, false},
		{"faster", spread{1.1, 1.2, 1.3}, spread{0.98, 1, 1.02}, false},
		{"a little slower, within the noise", spread{0.94, 0.96, 0.98}, spread{0.97, 1, 1.03}, false},
		{"its upper quartile is the lower quartile of the null", spread{0.93, 0.95, 0.97}, spread{0.97, 1, 1.03}, false},
		{"a little slower, beyond the noise", spread{0.92, 0.94, 0.96}, spread{0.97, 1, 1.03}, true},
		{"median at the limit, within the noise", spread{0.7, 0.90, 1.1}, spread{0.7, 1, 1.3}, false},
		{"median under the limit, within the noise", spread{0.7, 0.89, 1.1}, spread{0.7, 1, 1.3}, true},
		{"the null is faster than base, and the tree equals base", spread{0.98, 1, 1.02}, spread{1.04, 1.06, 1.08}, false},
		{"the null is faster than base, and the tree is slower", spread{0.95, 0.97, 0.99}, spread{1.04, 1.06, 1.08}, true},
		{"the null is slower than base, and so is the tree", spread{0.93, 0.95, 0.97}, spread{0.93, 0.95, 0.97}, false},
	} {
		if got := slower(test.tree, test.null); got != test.want {
			t.Errorf("%s: slower is %t, want %t", test.name, got, test.want)
		}
	}
}
