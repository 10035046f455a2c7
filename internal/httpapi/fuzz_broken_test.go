package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
)

// A request that is broken in one place is refused with the status and the code that the
// contract has for that place.
func TestFuzzBrokenRequests(t *testing.T) {
	eachFuzzed(t, func(t *testing.T, f fuzzed, send func(*rapid.T, generated) apitest.Answer) {
		broken, sent := f.breakages(), 0
		rapid.Check(t, func(rt *rapid.T) {
			b := rapid.SampledFrom(broken).Draw(rt, "breakage")
			g := f.generate(rt, true)
			b.Apply(drawn{rt}, &g.Request)
			answer := send(rt, g)
			sent++
			require.Equal(rt, b.Status, answer.Status, "%s: %s: %+v", b, answer.Body, g)
			if b.Status != 422 {
				return
			}
			codes := []string{}
			for _, fault := range answer.Problem(t).Errors {
				place := fault.Pointer
				if fault.Parameter != nil {
					place = "?" + *fault.Parameter
				}
				if b.Code != "unknown_member" {
					require.Equal(rt, b.Place, place, "%s: %+v", b, g)
				}
				codes = append(codes, string(fault.Code))
			}
			require.Contains(rt, codes, b.Code, "%s: %+v", b, g)
		})
		t.Logf("%d broken requests, no 5xx", sent)
		require.Positive(t, sent)
	})
}
