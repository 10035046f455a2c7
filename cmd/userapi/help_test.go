package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// Every subcommand has a help, and it fits in a terminal of 80 columns.
func TestHelpFitsInATerminal(t *testing.T) {
	dir := t.TempDir()
	parser, err := kong.New(&commandLine{})
	require.NoError(t, err)
	shown := 0
	var show func(node *kong.Node, args []string)
	show = func(node *kong.Node, args []string) {
		stdout, stderr, code := runCommand(t, dir, []string{"COLUMNS=80"}, append(args, "--help")...)
		require.Equal(t, 0, code, stderr)
		require.Contains(t, stdout, strings.TrimSpace("Usage: userapi "+strings.Join(args, " ")))
		for line := range strings.Lines(stdout) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, "%q of %q", line, args)
		}
		shown++
		for _, child := range node.Children {
			show(child, append(args[:len(args):len(args)], child.Name))
		}
	}
	show(parser.Model.Node, nil)
	require.Greater(t, shown, 15)
}
