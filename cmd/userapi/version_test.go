package main

import (
	"net/http"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/contract"
	"userapi/internal/store/sqlite"
)

// The command, the flag, the first line of the log and the metric show the same versions.
func TestVersionIsTheSameEverywhere(t *testing.T) {
	dir := t.TempDir()
	line, stderr, code := runCommand(t, dir, nil, "version")
	require.Equal(t, 0, code, stderr)
	match := regexp.MustCompile(`^userapi (\d+\.\d+\.\d+), commit (\S+), contract (\S+), schema (\d+) on SQLite and \d+ on PostgreSQL, (go\S+)\n$`).FindStringSubmatch(line)
	require.NotNil(t, match, line)
	described, err := contract.Load()
	require.NoError(t, err)
	require.Equal(t, []string{described.Version(), described.Version(), strconv.Itoa(sqlite.NewestSchema), runtime.Version()}, []string{match[1], match[3], match[4], match[5]})
	for _, args := range [][]string{{"--version"}, {"serve", "--version"}, {"--version", "serve", "--listen=nonsense"}} {
		stdout, _, code := runCommand(t, dir, nil, args...)
		require.Equal(t, 0, code)
		require.Equal(t, line, stdout)
	}
	require.Empty(t, namesIn(t, dir))

	s := startServer(t, dir, nil)
	first, _, _ := strings.Cut(s.log.String(), "\n")
	require.Regexp(t, ` msg=starting release=`+match[1]+` commit=`+match[2]+` contract=`+match[3]+` schema=`+match[4]+` go=`+match[5]+`$`, first)
	require.Contains(t, get(t, http.DefaultClient, s.opsURL(t)+"/metrics"), "\nuserapi_build_info{commit=\""+match[2]+`",contract="`+match[3]+
		`",go="`+match[5]+`",release="`+match[1]+`",schema="`+match[4]+"\"} 1\n")
}

// The commit is known in a tarball and in a clone. The tarball may be inside another repository.
func TestCommitOfATarballAndOfAClone(t *testing.T) {
	const (
		sum         = "5f78cb19dc881afe6840b617bb99b503d66e48b3"
		placeholder = "$Format:%H %ct$\n"
	)
	clone := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: sum}, {Key: "vcs.modified", Value: "false"}}
	changed := append(clone[:2:2], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	other := strings.Repeat("a", 40)
	require.Equal(t, sum, commit(placeholder, clone))
	require.Equal(t, sum+"-dirty", commit(placeholder, changed))
	require.Equal(t, other, commit(other+" 1795629600\n", changed))
	require.Equal(t, "unknown", commit(placeholder, nil))
}
