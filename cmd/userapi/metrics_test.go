package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/store/storetest"
)

// metricNames returns the names of the server's own metrics.
func metricNames(t *testing.T, s *server) (names []string) {
	t.Helper()
	s.sendRequest(t, "", "GET", "/healthz", "")
	metrics := get(t, http.DefaultClient, s.opsURL(t)+"/metrics")
	for _, found := range regexp.MustCompile(`(?m)^# TYPE ((?:userapi|http)_\S+) `).FindAllStringSubmatch(metrics, -1) {
		names = append(names, found[1])
	}
	require.NotEmpty(t, names)
	return names
}

// tableOf returns the names in backquotes in the first column of the table in the manual that begins with this line.
func tableOf(t *testing.T, head string) (names []string) {
	t.Helper()
	manual, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(manual), head+"\n|---|---|\n")
	require.True(t, found, head)
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		for _, name := range regexp.MustCompile("`([a-zA-Z_]+)[`{]").FindAllStringSubmatch(first, -1) {
			names = append(names, name[1])
		}
	}
	return names
}

const metricTable = "| metric | is |"

// isOfPostgres reports whether only a server on PostgreSQL has the metric.
func isOfPostgres(name string) bool { return strings.HasPrefix(name, "userapi_postgres_") }

// The manual lists the metrics of a server on SQLite, and no others.
func TestManualListsEveryMetric(t *testing.T) {
	listed := slices.DeleteFunc(tableOf(t, metricTable), isOfPostgres)
	require.ElementsMatch(t, listed, metricNames(t, startServer(t, t.TempDir(), nil)))
}

// The manual lists the metrics of a server on PostgreSQL.
func TestPostgresMetricsAreInTheManual(t *testing.T) {
	s := startServer(t, t.TempDir(), []string{"USERAPI_DATABASE=" + storetest.NewPostgres(t)})
	found, listed := metricNames(t, s), tableOf(t, metricTable)
	require.Subset(t, listed, found)
	require.ElementsMatch(t, slices.DeleteFunc(listed, func(name string) bool { return !isOfPostgres(name) }),
		slices.DeleteFunc(found, func(name string) bool { return !isOfPostgres(name) }))
}
