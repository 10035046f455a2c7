package main

import "testing"

func TestSixRoundsHaveAllOrders(t *testing.T) {
	seen := map[[contestants]int]bool{}
	for round := range 6 {
		seen[order(round)] = true
	}
	if len(seen) != 6 {
		t.Errorf("six rounds have these orders only: %v", seen)
	}
	for o := range seen {
		if o[0] == o[1] || o[1] == o[2] || o[2] == o[0] {
			t.Errorf("%v does not have each contestant", o)
		}
	}
}
