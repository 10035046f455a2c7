package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// people are those whom InsertPeople makes, by name.
var people = apitest.People()

// eachOperation calls do for every operation, by method and path.
func eachOperation(t *testing.T, do func(t *testing.T, method, path string, op *openapi3.Operation)) {
	t.Helper()
	for path, item := range apitest.Contract().Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(op.OperationID, func(t *testing.T) { do(t, method, path, op) })
		}
	}
}

// requireExample wants a problem to be the example in the contract.
func requireExample(t *testing.T, documented *openapi3.Response, answer apitest.Answer) {
	t.Helper()
	want, err := json.Marshal(documented.Content["application/problem+json"].Example)
	require.NoError(t, err)
	example := apitest.Answer{Body: string(want), Header: http.Header{"Content-Type": {"application/problem+json"}}}
	require.JSONEq(t, example.WithoutRequestID(t), answer.WithoutRequestID(t))
}

// readPage reads a page of a list: a line for each of its members, and the total.
func readPage[Member any](t *testing.T, s *apitest.Server, path string, line func(Member) string, headers ...string) (lines []string, total int64) {
	t.Helper()
	answer := s.Send(t, "GET", path, "", headers...)
	require.Equal(t, 200, answer.Status, answer.Body)
	var page map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &page))
	require.NoError(t, json.Unmarshal(page["total"], &total))
	delete(page, "total")
	require.Len(t, page, 1, "a page is one list and a total")
	var members []Member
	for name, list := range page {
		require.NoError(t, json.Unmarshal(list, &members))
		require.NotNil(t, members, "%s is [] and never null", name)
	}
	lines = []string{}
	for _, member := range members {
		lines = append(lines, line(member))
	}
	return lines, total
}
