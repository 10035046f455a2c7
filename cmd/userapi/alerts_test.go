package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// alert is an alert of alerts.yaml.
type alert struct{ Alert, Expr string }

func readAlerts(t *testing.T) []alert {
	t.Helper()
	text, err := os.ReadFile("alerts.yaml")
	require.NoError(t, err)
	var rules struct{ Groups []struct{ Rules []alert } }
	require.NoError(t, yaml.Unmarshal(text, &rules))
	require.Len(t, rules.Groups, 1)
	return rules.Groups[0].Rules
}

// The manual lists the six alerts.
func TestManualListsEveryAlert(t *testing.T) {
	var names []string
	for _, alert := range readAlerts(t) {
		names = append(names, alert.Alert)
	}
	require.Len(t, names, 6)
	require.Equal(t, names, tableOf(t, "| alert | what to do |"))
}

var (
	selectors  = regexp.MustCompile(`\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)`)
	identifier = regexp.MustCompile(`[a-z][a-z_]+\b( *\()?`)
)

// Each metric that an alert names, and each value of a label, is in /metrics.
func TestAlertsNameMetrics(t *testing.T) {
	s := startServer(t, t.TempDir(), nil)
	s.sendRequest(t, "", "GET", "/openapi/v1/users/1", "")
	metrics := get(t, http.DefaultClient, s.opsURL(t)+"/metrics")
	for _, alert := range readAlerts(t) {
		named := 0
		for _, name := range identifier.FindAllString(selectors.ReplaceAllString(alert.Expr, " "), -1) {
			if strings.HasSuffix(name, "(") || name == "or" || name == "by" || name == "sum" {
				continue
			}
			named++
			if name != "up" { // Prometheus makes it
				require.Regexp(t, `(?m)^`+name+`[{ ]`, metrics, alert.Alert)
			}
		}
		require.Positive(t, named, alert.Alert)
		for _, label := range regexp.MustCompile(`(result|reason|operation)=~"([^"]*)"`).FindAllStringSubmatch(alert.Expr, -1) {
			for pattern := range strings.SplitSeq(label[2], "|") {
				require.Regexp(t, label[1]+`="`+pattern+`"`, metrics, alert.Alert)
			}
		}
	}
}
