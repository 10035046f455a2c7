//go:build !long

package conform_test

// seeds are those of the runs in these tests.
var seeds = []uint64{1}
