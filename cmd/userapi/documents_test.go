package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	fencedBlock  = regexp.MustCompile("(?ms)^```.*?^```$")
	documentLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading      = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchorsOf returns the anchors that GitHub gives to the headings of a document.
func anchorsOf(t *testing.T, path string) (anchors []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, found := range heading.FindAllStringSubmatch(fencedBlock.ReplaceAllString(string(text), ""), -1) {
		plain := notInAnchor.ReplaceAllString(strings.ToLower(found[1]), "")
		anchors = append(anchors, strings.ReplaceAll(plain, " ", "-"))
	}
	return anchors
}

// Each link between documents leads to a file or a folder, and to a heading if it names one.
func TestDocumentsLinkToWhatExists(t *testing.T) {
	links := 0
	for _, pattern := range []string{"*.md", ".github/*.md", "cmd/*/*.md", "gen/*/*.md", "internal/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join("../..", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, link := range documentLink.FindAllStringSubmatch(fencedBlock.ReplaceAllString(string(text), ""), -1) {
				file, anchor, _ := strings.Cut(link[1], "#")
				if strings.Contains(file, "://") {
					continue
				}
				links++
				target := filepath.Join(filepath.Dir(path), file)
				if file == "" {
					target = path
				}
				_, err := os.Stat(target)
				require.NoError(t, err, "%s links to %s", path, link[1])
				if anchor != "" {
					require.Contains(t, anchorsOf(t, target), anchor, "%s links to %s", path, link[1])
				}
			}
		}
	}
	require.Greater(t, links, 100)
}
