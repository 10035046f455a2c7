package httpapi

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/gen/api"
	"userapi/internal/contract"
	"userapi/internal/directory"
)

// Every code of the contract has its status and words.
func TestEveryProblemCodeIsDescribed(t *testing.T) {
	c, err := contract.Load()
	require.NoError(t, err)
	schemas := c.Document().Components.Schemas
	codes := schemas["ProblemCode"].Value
	require.Len(t, problems, len(codes.Enum))
	for _, code := range codes.Enum {
		described := problems[api.ProblemCode(code.(string))]
		require.NotEmpty(t, described.title, code)
		require.NotEmpty(t, described.detail, code)
		require.GreaterOrEqual(t, described.status, 400, code)
		require.Contains(t, codes.Description, "`"+code.(string)+"`")
	}
	unknown := classify(&directory.Error{Code: "no such code"})
	require.Equal(t, api.ProblemCodeInternalError, unknown.Code)
	require.Error(t, unknown.Err)
	faults := schemas["FaultCode"].Value
	for _, code := range faults.Enum {
		require.Contains(t, faults.Description, "`"+code.(string)+"`")
	}
}
