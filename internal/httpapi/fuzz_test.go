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
				requireAnswered(rt, f, g, answer)
			case 401:
				require.NotNil(rt, f.Described.Security, "%+v", g)
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

// requireAnswered requires each member that was sent to come back with its value, if the schema
// of the answer has the member and it is not writeOnly.
func requireAnswered(rt *rapid.T, f fuzzed, g generated, answer apitest.Answer) {
	var got map[string]any
	if g.Members == nil || answer.Status == 204 {
		return
	}
	require.NoError(rt, json.Unmarshal([]byte(answer.Body), &got))
	sent, err := json.Marshal(g.Members)
	require.NoError(rt, err)
	var want map[string]any
	require.NoError(rt, json.Unmarshal(sent, &want))
	described := f.Described.Responses.Status(answer.Status).Value.Content["application/json"].Schema.Value.Properties
	for member, value := range want {
		if property := described[member]; property != nil && !property.Value.WriteOnly {
			require.Contains(rt, got, member, "%s was sent and does not come back: %+v", member, g)
			require.Equal(rt, value, got[member], "%s of %+v", member, g)
		}
	}
}
