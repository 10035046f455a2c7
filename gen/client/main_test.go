package client_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
	"userapi/internal/store/storetest"
)

// server has users 2 to 5 for the examples.
var server *apitest.Server

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	t := &exampleTB{directory: directory}
	server = apitest.Start(t, apitest.Config{})
	for id := range 4 {
		phone := "1"
		answer, err := connect().CreateUserWithResponse(t.Context(), client.CreateUser{
			NickName: fmt.Sprint("user", id), Password: apitest.Password, EnterpriseID: "default", Phone: &phone,
		})
		require.NoError(t, err)
		require.NotNil(t, answer.JSON201)
	}
	code := m.Run()
	for i := range t.ends {
		t.ends[len(t.ends)-1-i]()
	}
	if err := os.RemoveAll(directory); err != nil {
		panic(err)
	}
	storetest.Exit(code)
}

// exampleTB is the testing.TB of all examples together, because they have none of their own.
type exampleTB struct {
	testing.TB
	directory string
	ends      []func()
}

func (*exampleTB) Helper()                  {}
func (*exampleTB) Context() context.Context { return context.Background() }
func (w *exampleTB) TempDir() string        { return w.directory }
func (w *exampleTB) Cleanup(end func())     { w.ends = append(w.ends, end) }
func (*exampleTB) FailNow()                 { os.Exit(1) }
func (*exampleTB) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
