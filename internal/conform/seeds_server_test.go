//go:build !long

package conform_test

// serverSeeds is how many runs the server itself has to pass.
const serverSeeds = 3
