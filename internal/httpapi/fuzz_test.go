package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/apitest"
)

// eachFuzzed calls do for every operation. Each has a server of its own, and send inserts
// the people again before each request.
func eachFuzzed(t *testing.T, do func(t *testing.T, f fuzzed, send func(*rapid.T, generated) apitest.Answer)) {
	t.Helper()
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		t.Parallel()
		s := apitest.Start(t, apitest.Config{})
		do(t, newFuzzed(method, path, op), func(rt *rapid.T, g generated) apitest.Answer {
			part := &recorder{TB: t}
			s.DB.InsertPeopleWhoLogIn(part)
			answer := g.send(part, s.For(part))
			require.Empty(rt, part.errors, "%+v", g)
			return answer
		})
	})
}

// recorder keeps the errors of one request, so that rapid can repeat and shrink it.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { r.Fatal(strings.Join(r.errors, "\n")) }

func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

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
