package main

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	for _, test := range []struct {
		stat string
		want time.Duration
	}{
		{"42 (userapi) S 1 42 42 0 -1 4194304 102 0 0 0 7 5 0 0 20 0 9 0 27689", 120 * time.Millisecond},
		{"42 (a) b) S 1 42 42 0 -1 4194304 102 0 0 0 1 2 900 900 20 0 9 0 27689", 30 * time.Millisecond},
	} {
		got, err := parseStat(test.stat)
		if err != nil || got != test.want {
			t.Errorf("parseStat(%q) is %s and %v, want %s", test.stat, got, err, test.want)
		}
	}
	for _, stat := range []string{"", "42 (userapi) S 1", "42 (userapi) S 1 42 42 0 -1 4194304 102 0 0 0 x 5"} {
		if _, err := parseStat(stat); err == nil {
			t.Errorf("parseStat(%q) did not fail", stat)
		}
	}
}
