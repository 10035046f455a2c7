//go:build node

// These tests need Node and the files that 'make clients' and 'make docs' prepare.

package httpapi_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// everyRefusal are the statuses of the errors that a client can provoke. The media type is the generator's.
var everyRefusal = []int{400, 401, 403, 404, 409, 412, 413, 422}

// Each client sends exactly the states that README lists for it, its other requests work,
// and it reads one error of each kind. The clients compare the answers, codes and pointers.
func TestClients(t *testing.T) {
	for _, c := range []struct {
		name    string
		version []string // a file, and the text in it that pins the version
		refused []int    // the statuses of the errors that it reads
		command []string
	}{
		{"`gen/typescript`", nil, everyRefusal, []string{"npm", "test", "--prefix", "../../gen/typescript"}},
		{"ogen 1.24", []string{"go.mod", "ogen v1.24."}, everyRefusal, []string{"../../bin/clients/ogen"}},
		{"oapi-codegen without `nullable-type`", nil, everyRefusal, []string{"../../bin/clients/plain"}},
		{"@hey-api/openapi-ts 0.95", pinned(`@hey-api/openapi-ts": "0.95.`), everyRefusal, node("hey")},
		// zod refuses malformed headers and long members before they are sent.
		{"@hey-api/openapi-ts 0.95 with zod 4.6", pinned(`zod": "4.6.`), []int{401, 403, 404, 409, 412, 422}, node("zod")},
		{"@rtk-query/codegen-openapi 2.2", pinned(`codegen-openapi": "2.2.`), everyRefusal, node("rtk")},
		{"oazapfts 7.5", pinned(`"oazapfts": "7.5.`), everyRefusal, node("oazapfts")},
		{"openapi-client-axios 7.9", pinned(`openapi-client-axios": "7.9.`), everyRefusal, node("axios")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.version != nil {
				file, err := os.ReadFile(filepath.Join("../../.ci/clients", c.version[0]))
				require.NoError(t, err)
				require.Contains(t, string(file), c.version[1])
			}
			s := apitest.Start(t, apitest.Config{})
			s.CreateUser(t, "ada")
			wire := s.Wire(t)
			runProgram(t, wire.URL, s.Token, c.command...)
			requireStates(t, c.name, wire.Sent())
			requireJob(t, wire.Sent(), c.refused)
		})
	}
}

// pinned is the file that pins the versions of clients in Node, and a text in it.
func pinned(text string) []string { return []string{"../package.json", text} }

// node runs a program of .ci/clients/node.
func node(name string) []string {
	return []string{"node", "../../.ci/clients/node/dist/" + name + ".js"}
}

// requireJob requires each part of the job of a client, and errors with exactly these statuses.
func requireJob(t *testing.T, sent []apitest.Sent, refused []int) {
	t.Helper()
	did, statuses := map[string]bool{}, map[int]bool{}
	for _, s := range sent {
		if s.Status >= 400 {
			statuses[s.Status] = true
			continue
		}
		did[s.Method+" "+anyNumber.ReplaceAllString(strings.TrimPrefix(s.Path, "/openapi/v1/"), "N")] = true
	}
	for _, one := range []string{
		"POST users", "GET users/N", "PUT users/N", "GET users", "PUT users/N/changepwd", "POST auth-token", "PUT changepwd", "DELETE users/N",
	} {
		require.Contains(t, did, one)
	}
	require.Equal(t, refused, slices.Sorted(maps.Keys(statuses)))
}

var anyNumber = regexp.MustCompile(`\b[0-9]+\b`)

// The zod schemas of @hey-api/openapi-ts accept what the server accepts, except for the
// differences that schemas.ts explains.
func TestZodSchemas(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	wire := s.Wire(t)
	runProgram(t, wire.URL, s.Token, node("schemas")...)
	did := map[string]bool{}
	for _, sent := range wire.Sent() {
		fits := sent.Status != 400 && sent.Status != 422
		did[fmt.Sprintf("%s %s %t", sent.Method, anyNumber.ReplaceAllString(sent.Path, "{user_id}"), fits)] = true
	}
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		if op.RequestBody != nil {
			require.Contains(t, did, fmt.Sprintf("%s %s true", method, path))
			require.Contains(t, did, fmt.Sprintf("%s %s false", method, path))
		}
	})
}

// In a browser, a person can enter a token on /docs, and send the first example of an update and
// one with null.
func TestDocsInABrowser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	wire := s.Wire(t)
	pictures, err := filepath.Abs("../../bin")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(pictures, 0o700))
	runProgram(t, wire.URL, s.Token, "node", "../../.ci/docs.mjs", pictures)
	require.Contains(t, wire.Sent(), apitest.Sent{Method: "PUT", Path: ada.Path(), Body: `{"is_active": null}`, Status: 200})
	require.Nil(t, s.DB.Row(t, ada).IsActive)
	require.Equal(t, "+44 20 7946 0100", s.DB.Row(t, ada).Phone)
}

// runProgram runs a program and requires it to succeed.
func runProgram(t *testing.T, url, token string, command ...string) {
	t.Helper()
	program := exec.CommandContext(t.Context(), command[0], command[1:]...)
	program.Env = append(os.Environ(), "SERVER_URL="+url, "TOKEN="+token)
	output, err := program.CombinedOutput()
	require.NoError(t, err, string(output))
}
