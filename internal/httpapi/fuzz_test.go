package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
)

// A request that the contract allows succeeds, or gets a status that the contract has for it.
func TestFuzzValidRequests(t *testing.T) {
	eachFuzzed(t, func(t *testing.T, f fuzzed, send func(*rapid.T, generated) apitest.Answer) {
		sent, succeeded := 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			g := f.generate(rt, false)
			answer := send(rt, g)
			sent++
			switch answer.Status {
			case 200, 201, 204, 304:
				succeeded++
				requireAnswered(rt, g, answer)
			case 401:
				require.NotNil(rt, f.op.Security, "%+v", g)
			case 422:
				for _, fault := range answer.Faults(t) {
					require.True(rt, strings.HasSuffix(fault, " mismatch"), "%s: %+v", fault, g)
				}
			default:
				require.Contains(rt, []int{403, 404, 409, 412}, answer.Status, "%s: %+v", answer.Body, g)
			}
		})
		t.Logf("%d of %d valid requests succeeded", succeeded, sent)
		require.Positive(t, sent)
		require.GreaterOrEqual(t, succeeded*10, sent*7, "of %d valid requests only %d succeeded", sent, succeeded)
	})
}

// requireAnswered requires the members that an answer shares with its request to have the
// values that were sent.
func requireAnswered(rt *rapid.T, g generated, answer apitest.Answer) {
	var got map[string]any
	if g.members == nil || answer.Status == 204 {
		return
	}
	require.NoError(rt, json.Unmarshal([]byte(answer.Body), &got))
	sent, err := json.Marshal(g.members)
	require.NoError(rt, err)
	var want map[string]any
	require.NoError(rt, json.Unmarshal(sent, &want))
	for member, value := range want {
		if answered, there := got[member]; there {
			require.Equal(rt, value, answered, "%s of %+v", member, g)
		}
	}
}
