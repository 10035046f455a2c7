package conform

// Source makes the choices of which a request is generated. A *rand.Rand of math/rand/v2 is a Source. So is a
// test of a property-based library that draws each number, and that library can then shrink the request.
type Source interface {
	// IntN returns a number from 0 to n-1.
	IntN(n int) int
}

// oneOf chooses one of these values.
func oneOf[T any](s Source, values ...T) T { return values[s.IntN(len(values))] }

// between chooses a number from low to high.
func between(s Source, low, high int) int { return low + s.IntN(high-low+1) }

// runeBetween chooses a character from low to high.
func runeBetween(s Source, low, high rune) rune {
	return low + rune(s.IntN(int(high-low)+1)) //nolint:gosec // code points fit into a rune
}

// yes is true in one of two cases.
func yes(s Source) bool { return s.IntN(2) == 1 }

// rarely is true in one of 16 cases.
func rarely(s Source) bool { return s.IntN(16) == 15 }
