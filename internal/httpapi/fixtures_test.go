package httpapi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// people are those whom InsertPeople makes, by name.
var people = apitest.People()

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
