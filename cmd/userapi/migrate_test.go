package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMigrateAndVersionAndHelp(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		stdout, stderr, code := runCommand(t, dir, nil, "migrate", "--database=x.db")
		require.Equal(t, 0, code, stderr)
		require.Regexp(t, `^x\.db has schema \d+\n$`, stdout)
	}
	stdout, _, code := runCommand(t, dir, nil, "version")
	require.Equal(t, 0, code)
	require.Regexp(t, `^userapi \S+, contract \d+\.\d+\.\d+, go\S+\n$`, stdout)
	for _, args := range [][]string{{}, {"serve"}, {"migrate"}, {"backup"}, {"restore"}, {"token"}, {"token", "create"}, {"token", "list"}, {"token", "revoke"}, {"version"}, {"user", "create"}, {"user", "list"}, {"user", "set-password"}, {"audit"}} {
		stdout, _, code := runCommand(t, dir, nil, append(args, "--help")...)
		require.Equal(t, 0, code)
		require.Contains(t, stdout, "Usage: userapi")
	}
}
