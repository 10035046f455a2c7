package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A build without cgo says in its first sentence what to do, and nothing about what is undefined.
func TestBuildWithoutCgoIsExplained(t *testing.T) {
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "userapi"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	printed, err := build.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(printed), "install a C compiler, for example with 'apt-get install gcc libc6-dev', and build with CGO_ENABLED=1")
	require.NotContains(t, string(printed), "undefined")
}
