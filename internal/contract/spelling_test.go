//go:build node

package contract_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// spellings are changes of the contract, old and new text, that the rule of the linter must find. Without
// the file .spectral.yaml, they would be valid.
var spellings = map[string][2]string{
	"pattern-without-quote":          {`pattern: '^\x22[^\x22\x00-\x20\x7F]*\x22$'`, `pattern: '^"[^\x22\x00-\x20\x7F]*"$'`},
	"pattern-without-unicode-escape": {`pattern: '^[^/@\x00-\x20\x7F]+$'`, `pattern: '^[^/@\x00-\x20\x7F\u2028]+$'`},
	"pattern-without-property-class": {`pattern: '^[^/@\x00-\x20\x7F]+$'`, `pattern: '^[^/@\p{Z}]+$'`},
	"pattern-without-high-byte":      {`pattern: '^[^\x00-\x1F\x7F]*$'`, `pattern: '^[^\x00-\x1F\x7F-\x9F]*$'`},
	"pattern-in-ascii":               {`pattern: '^[^/@\x00-\x20\x7F]+$'`, `pattern: '^[^/@　\x00-\x20\x7F]+$'`},
	"pattern-without-group-option":   {`pattern: '^[A-Za-z0-9._-]+$'`, `pattern: '^(?!-)[A-Za-z0-9._-]+$'`},
	"pattern-without-shorthand":      {`pattern: '^[A-Za-z0-9._-]+$'`, `pattern: '^[\w.-]+$'`},
	"pattern-without-interpolation":  {`[A-Za-z0-9!$%&''*+/=?^_{|}~#-]`, `[A-Za-z0-9!#$%&''*+/=?^_{|}~-]`},
	"date-time-without-length":       {"format: date-time\n", "format: date-time\n          maxLength: 35\n"},
	"headers-with-named-examples":    {"        two: {value: 4QZ6YKPDXWWWWOOHTCTGXV3JHS}\n", ""},
	"request-with-answer":            {"              name:\n                summary: Log in", "              other:\n                summary: Log in"},
}

// The linter finds each spelling that a generator cannot read.
func TestLinterFindsSpellings(t *testing.T) {
	content, err := os.ReadFile("../../openapi.yaml")
	require.NoError(t, err)
	spelt := strings.ReplaceAll(string(content), "`{|}~#-]", "{|}~#-]") // a backtick cannot stand in the texts above
	dir := t.TempDir()
	for rule, change := range spellings {
		require.True(t, strings.Contains(spelt, change[0]), rule)
		require.NoError(t, os.WriteFile(filepath.Join(dir, rule+".yaml"), []byte(strings.ReplaceAll(spelt, change[0], change[1])), 0o600))
	}
	lint := exec.CommandContext(t.Context(), "../../.ci/node_modules/.bin/spectral", "lint", "--quiet", "--ruleset=../../.spectral.yaml", "--format=json", dir+"/*.yaml")
	output, err := lint.Output()
	var failed *exec.ExitError
	require.ErrorAs(t, err, &failed, "the linter finds nothing")
	var results []struct{ Code, Source string }
	require.NoError(t, json.Unmarshal(output, &results), string(output))
	found := map[string]bool{}
	for _, result := range results {
		require.Equal(t, result.Code+".yaml", filepath.Base(result.Source), "another rule objects")
		found[result.Code] = true
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(spellings)), slices.Collect(maps.Keys(found)))
}

// Each rule of our own has a spelling that it finds.
func TestEachRuleHasASpelling(t *testing.T) {
	content, err := os.ReadFile("../../.spectral.yaml")
	require.NoError(t, err)
	var rules []string
	for _, match := range regexp.MustCompile(`(?m)^  ([a-z-]+):$`).FindAllStringSubmatch(string(content), -1) {
		rules = append(rules, match[1])
	}
	require.ElementsMatch(t, rules, slices.Collect(maps.Keys(spellings)))
}
