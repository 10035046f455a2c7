package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The kernel writes spaces and other characters of mount points as octal numbers.
func TestUnescapeMount(t *testing.T) {
	for field, want := range map[string]string{
		`/data`: "/data", `/a\040b`: "/a b", `/a\011\012b`: "/a\t\nb", `/a\134b`: `/a\b`, `/a\`: `/a\`, `/a\99x`: `/a\99x`,
	} {
		require.Equal(t, want, unescapeMount(field), field)
	}
}

// Links are followed to the file, wherever they stand in the path.
func TestResolve(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	for link, target := range map[string]string{
		"folder": "real", "missing.db": "real/missing.db", "absolute.db": filepath.Join(dir, "real/a.db"), "twice.db": "missing.db", "loop.db": "loop.db",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	for name, want := range map[string]string{
		"plain.db": "plain.db", "folder/x.db": "real/x.db", "missing.db": "real/missing.db", "absolute.db": "real/a.db", "twice.db": "real/missing.db",
	} {
		path, err := resolve(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, want), path)
	}
	_, err = resolve(filepath.Join(dir, "loop.db"))
	require.ErrorContains(t, err, "leads nowhere")
	_, err = resolve(filepath.Join(dir, "none", "x.db"))
	require.ErrorContains(t, err, "does not exist: create it")
}
