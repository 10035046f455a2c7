//go:build node

// These tests need Node and the files that 'make clients' and 'make docs' prepare.

package httpapi_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Each client sends exactly the states that README lists for it, and its other requests work.
func TestClients(t *testing.T) {
	for _, c := range []struct {
		name    string
		version []string // a file, and the text in it that pins the version
		command []string
	}{
		{"`gen/typescript`", nil, []string{"npm", "test", "--prefix", "../../gen/typescript"}},
		{"ogen 1.24", []string{"go.mod", "ogen v1.24."}, []string{"../../bin/clients/ogen"}},
		{"oapi-codegen without `nullable-type`", nil, []string{"../../bin/clients/plain"}},
		{"@hey-api/openapi-ts 0.95", []string{"../package.json", `openapi-ts": "0.95.`}, []string{"node", "../../.ci/clients/hey/dist/main.js"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.version != nil {
				pinned, err := os.ReadFile(filepath.Join("../../.ci/clients", c.version[0]))
				require.NoError(t, err)
				require.Contains(t, string(pinned), c.version[1])
			}
			s := apitest.Start(t, apitest.Config{})
			s.CreateUser(t, "ada")
			wire := s.Wire(t)
			runProgram(t, wire.URL, s.Token, c.command...)
			requireStates(t, c.name, wire.Sent())
			did := map[string]bool{}
			for _, sent := range wire.Sent() {
				last := regexp.MustCompile(`^[0-9]+$`).ReplaceAllString(path.Base(sent.Path), "N")
				did[sent.Method+" "+last] = true
			}
			for _, one := range []string{"POST users", "GET N", "PUT N", "GET users", "PUT changepwd", "DELETE N"} {
				require.True(t, did[one], "%s: %v", one, did)
			}
		})
	}
}

// In a browser, a person can enter a token on /docs and send an update with null.
func TestDocsInABrowser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	wire := s.Wire(t)
	picture, err := filepath.Abs("../../bin/docs.png")
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(picture))
	runProgram(t, wire.URL, s.Token, "node", "../../.ci/docs.mjs", picture)
	require.Contains(t, wire.Sent(), apitest.Sent{Method: "PUT", Path: ada.Path(), Body: `{"is_active": null}`, Status: 200})
	require.Nil(t, s.DB.Row(t, ada).IsActive)
	require.FileExists(t, picture)
}

// runProgram runs a program and requires it to succeed.
func runProgram(t *testing.T, url, token string, command ...string) {
	t.Helper()
	program := exec.CommandContext(t.Context(), command[0], command[1:]...)
	program.Env = append(os.Environ(), "USERAPI_URL="+url, "USERAPI_TOKEN="+token)
	output, err := program.CombinedOutput()
	require.NoError(t, err, string(output))
}
