package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// Whatever the umask is, other users of the machine cannot read a file that userapi writes, and no flag or argument
// of any command takes a secret.
func TestOtherUsersOfTheMachineReadNoSecret(t *testing.T) {
	dir := t.TempDir()
	s := waitForServer(t, inShell(t, "umask 0", serveCommandIn(t, dir, nil)))
	runInShell := func(input string, args ...string) {
		t.Helper()
		c := command(t, dir, nil, args...)
		c.Stdin = strings.NewReader(input)
		_, stderr, code := runToExit(t, inShell(t, "umask 0", c))
		require.Equal(t, 0, code, stderr)
	}
	runInShell("correct horse\n", "user", "create", "--nick-name=ada", "--enterprise-id=default")
	runInShell("", "backup", "copy")
	files := map[string]bool{}
	requirePrivate := func() {
		t.Helper()
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			info, err := entry.Info()
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode(), entry.Name())
			files[entry.Name()] = true
		}
	}
	requirePrivate()
	s.terminate(t)
	runInShell("", "restore", "--replace", "copy")
	requirePrivate()
	require.Subset(t, files, map[string]bool{"userapi.db": true, "userapi.db-wal": true, "userapi.db-shm": true, "userapi.token": true, "copy": true})

	parser, err := kong.New(&commandLine{})
	require.NoError(t, err)
	harmless := map[string]bool{"admin-token-file": true, "first-token-file": true, "tls-key": true, "keep-tokens": true, "token-ttl": true, "token": true, "token-file": true}
	secret := regexp.MustCompile(`(?i)token|password|secret|key`)
	flags := 0
	eachFlag(parser.Model.Node, func(flag *kong.Flag) {
		flags++
		require.False(t, secret.MatchString(flag.Name) && !harmless[flag.Name], flag.Name)
	})
	require.NotZero(t, flags)
	for _, leaf := range parser.Model.Leaves(false) {
		for _, argument := range leaf.Positional {
			require.False(t, secret.MatchString(argument.Name) && !harmless[argument.Name], argument.Name)
		}
	}
}

// declaredTests returns the names of all tests, benchmarks and fuzz targets of the repository, whatever their build tags.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	require.NoError(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git" || entry.Name() == "bin"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok && function.Recv == nil {
				names[function.Name.Name] = true
			}
		}
		return nil
	}))
	return names
}

// Each line of SECURITY.md that says what is protected, and how, names tests that show it. They exist, and one of
// them is the line's own. So do those that print the figures.
func TestSecurityNamesItsTests(t *testing.T) {
	content, err := os.ReadFile("../../.github/SECURITY.md")
	require.NoError(t, err)
	_, protected, found := strings.Cut(string(content), "\n## What is protected, and from whom\n")
	require.True(t, found)
	protected, figures, found := strings.Cut(protected, "\n## Figures\n")
	require.True(t, found)
	figures, _, found = strings.Cut(figures, "\n## What is not protected\n")
	require.True(t, found)
	var lines []string
	for line := range strings.SplitSeq(protected, "\n") {
		switch {
		case strings.HasPrefix(line, "| from ") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "|") || strings.HasPrefix(line, "- "):
			lines = append(lines, line)
		case strings.HasPrefix(line, "  "):
			lines[len(lines)-1] += line
		}
	}
	require.GreaterOrEqual(t, len(lines), 17)
	declared, named := declaredTests(t), map[string]int{}
	name := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")
	for _, line := range lines {
		for _, match := range name.FindAllStringSubmatch(line, -1) {
			require.True(t, declared[match[1]], "SECURITY.md names %s, which does not exist", match[1])
			named[match[1]]++
		}
	}
	for _, line := range lines {
		isOwn := false
		for _, match := range name.FindAllStringSubmatch(line, -1) {
			isOwn = isOwn || named[match[1]] == 1
		}
		require.True(t, isOwn, "name a test that shows this alone: %s", line)
	}
	printers := regexp.MustCompile(`-(run|bench) (\w+)`).FindAllStringSubmatch(figures, -1)
	require.NotEmpty(t, printers)
	for _, printer := range printers {
		name := map[string]string{"run": "", "bench": "Benchmark"}[printer[1]] + printer[2]
		require.True(t, declared[name], "SECURITY.md names %s, which does not exist", name)
	}
}
