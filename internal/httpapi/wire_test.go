package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/httpapi/apitest"
)

// states are what a client may want to say, in the order of the table in README, and
// the one body that says it.
var states = []struct{ name, body string }{
	{"absent", `{}`},
	{"null", `{"is_active":null}`},
	{"false", `{"is_active":false}`},
	{`""`, `{"phone":""}`},
}

var userPath = regexp.MustCompile(`^/openapi/v1/users/[0-9]+$`)

// requireStates wants a client to have sent the states that README says it can, and no others.
func requireStates(t *testing.T, client string, sent []apitest.Sent) {
	t.Helper()
	updates := map[string]bool{}
	for _, s := range sent {
		if s.Method == http.MethodPut && userPath.MatchString(s.Path) {
			updates[strings.TrimSpace(s.Body)] = true
		}
	}
	row := "| " + client + " |"
	for _, state := range states {
		if updates[state.body] {
			row += " yes |"
		} else {
			row += " no |"
		}
	}
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), row, "sent: %v", updates)
}

func TestGoClientOnTheWire(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	wire := s.Wire(t)
	c, err := client.NewClientWithResponses(wire.URL, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+s.Token)
		return nil
	}))
	require.NoError(t, err)
	none := ""
	for i, change := range []client.UpdateUser{
		{},
		{IsActive: nullable.NewNullNullable[bool]()},
		{IsActive: nullable.NewNullableWithValue(false)},
		{Phone: &none},
	} {
		answer, err := c.UpdateUserWithResponse(t.Context(), "2", nil, change)
		require.NoError(t, err)
		require.NotNil(t, answer.JSON200)
		require.Equal(t, apitest.Sent{Method: "PUT", Path: "/openapi/v1/users/2", Body: states[i].body}, wire.Sent()[i], fmt.Sprint(change))
	}
	requireStates(t, "`gen/client` (Go)", wire.Sent())
}
