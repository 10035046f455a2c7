package httpapi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What is said to fit, the validator passes, of every body in the contract.
func TestWhatFitsIsValid(t *testing.T) {
	c, err := newContract()
	require.NoError(t, err)
	text := rapid.OneOf(
		rapid.StringN(0, 140, -1), rapid.StringMatching(`[a-z0-9._-]{0,70}`), rapid.StringMatching(`[a-zA-Z.]{0,70}@[a-z.]{0,20}`),
		rapid.SampledFrom([]string{"", "stringst", "user@example.com", "a b", "\t", "é", "\u2028"}),
	)
	value := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(v bool) any { return v }), rapid.Map(text, func(v string) any { return v }),
		rapid.Map(rapid.Float64(), func(v float64) any { return v }), rapid.Just[any]([]any{}), rapid.Just[any](map[string]any{}),
	)
	fitting := 0
	for path, methods := range c.operations {
		for method, op := range methods {
			if op == nil || op.body == nil {
				continue
			}
			names := []string{"unknown"}
			for name := range op.body.Properties {
				names = append(names, name)
			}
			rapid.Check(t, func(r *rapid.T) {
				object := rapid.MapOfN(rapid.SampledFrom(names), value, 0, 3).Draw(r, "object")
				for _, required := range op.body.Required {
					if _, there := object[required]; !there && rapid.IntRange(0, 9).Draw(r, "required") > 0 {
						object[required] = text.Draw(r, required)
					}
				}
				fits := op.fits(object)
				faults, err := c.faults(op.body, object)
				require.NoError(t, err)
				if fits {
					fitting++
					require.Empty(t, faults, "%s %s %v", method, path, object)
				}
			})
			for _, other := range []any{nil, true, "text", 1.0, []any{}} {
				require.False(t, op.fits(other))
			}
		}
	}
	require.Positive(t, fitting)
	require.True(t, c.operations["/openapi/v1/users/:user_id"]["PUT"].fits(map[string]any{
		"password": "stringst", "enterprise_id": "string", "email": "user@example.com", "phone": "string", "is_active": nil,
	}), "the page's example needs no validator")
}
