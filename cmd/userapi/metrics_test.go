package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The manual has every metric of the database.
func TestManualListsEveryMetric(t *testing.T) {
	manual, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, m := range storeMetrics {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(m.description.String())
		require.Len(t, name, 2)
		require.Contains(t, string(manual), "`"+name[1]+"`")
	}
}
