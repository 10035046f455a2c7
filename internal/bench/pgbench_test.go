package main

import "testing"

func TestParsePgbench(t *testing.T) {
	s, err := parsePgbench("number of failed transactions: 0 (0.000%)\nlatency average = 11.6 ms\ninitial connection time = 64.117 ms\ntps = 5512.903422 (without initial connection time)\n")
	if err != nil || s.throughput != 5512.903422 {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := parsePgbench("pgbench: error: client 0 aborted"); err == nil {
		t.Error("no error without a tps")
	}
}
