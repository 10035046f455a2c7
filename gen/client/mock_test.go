package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
)

// This is a contract test of a program that uses the API. The program is switchOff, and 'userapi mock' is
// the server: what it answers is what the real one answers. In a repository of your own, copy this file,
// import your own client, and let startMock start the userapi that is on your PATH.

// switchOff switches a user off who has left, and clears the phone. If somebody else changes the user at the same time,
// it reads the user again first. A user who does not exist any more is off.
func switchOff(ctx context.Context, api *client.ClientWithResponses, id string) error {
	for {
		read, err := api.GetUserWithResponse(ctx, id, nil)
		if err != nil {
			return err
		}
		if read.StatusCode() == http.StatusNotFound {
			return nil
		}
		if read.JSON200 == nil {
			return errors.New("read the user: " + read.Status())
		}
		none := ""
		off := client.UpdateUser{IsActive: nullable.NewNullableWithValue(false), Phone: &none}
		answer, err := api.UpdateUserWithResponse(ctx, id, &client.UpdateUserParams{IfMatch: &read.Headers200.ETag}, off)
		if err != nil {
			return err
		}
		switch answer.StatusCode() {
		case http.StatusOK:
			return nil
		case http.StatusPreconditionFailed: // somebody was faster
		default:
			return errors.New("switch the user off: " + answer.Status())
		}
	}
}

// The token of root is in the seed that is built into 'userapi mock'. So are the users: 2 is ada, 4 is linus.
const rootToken = "mock-token-of-root-11111111111111"

// connectTo returns a client that sends the token of root with each request. before is called before each request.
func connectTo(t *testing.T, url string, before func(r *http.Request)) *client.ClientWithResponses {
	t.Helper()
	api, err := client.NewClientWithResponses(url, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+rootToken)
		before(r)
		return nil
	}))
	require.NoError(t, err)
	return api
}

func TestConsumer(t *testing.T) {
	url, ops := startMock(t)
	untouched := func(*http.Request) {}
	root := connectTo(t, url, untouched)

	// Each test begins with the users of the seed.
	reset := func(t *testing.T) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ops+"/reset", http.NoBody)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Less(t, answer.StatusCode, 300)
	}
	read := func(t *testing.T, id string) client.UserInfo {
		t.Helper()
		answer, err := root.GetUserWithResponse(t.Context(), id, nil)
		require.NoError(t, err)
		require.NotNil(t, answer.JSON200, string(answer.Body))
		return *answer.JSON200
	}

	t.Run("changes two members and leaves the others", func(t *testing.T) {
		reset(t)
		before := read(t, "2")
		require.NoError(t, switchOff(t.Context(), root, "2"))
		after := read(t, "2")
		require.Equal(t, nullable.NewNullableWithValue(false), after.IsActive)
		require.Empty(t, after.Phone)
		require.Equal(t, before.Email, after.Email)
	})

	// GET /requests tells what the program has sent: absent, null or a value for each member of the contract.
	t.Run("sends two members and no other", func(t *testing.T) {
		reset(t)
		require.NoError(t, switchOff(t.Context(), root, "2"))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ops+"/requests", http.NoBody)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		type member struct {
			State string
			Value any
		}
		var journal struct {
			Requests []struct{ Members map[string]member }
		}
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&journal))
		require.NoError(t, answer.Body.Close())
		require.Equal(t, map[string]member{
			"enterprise_id": {State: "absent"}, "email": {State: "absent"}, "password": {State: "absent"},
			"is_active": {"value", false}, "phone": {"value", ""},
		}, journal.Requests[len(journal.Requests)-1].Members)
	})

	t.Run("switches off whom nobody has decided on", func(t *testing.T) {
		reset(t)
		require.True(t, read(t, "4").IsActive.IsNull())
		require.NoError(t, switchOff(t.Context(), root, "4"))
		require.Equal(t, nullable.NewNullableWithValue(false), read(t, "4").IsActive)
	})

	t.Run("tries again after somebody was faster", func(t *testing.T) {
		reset(t)
		updates := 0
		slow := connectTo(t, url, func(r *http.Request) {
			if r.Method != http.MethodPut {
				return
			}
			if updates++; updates == 1 {
				phone := "1"
				_, err := root.UpdateUserWithResponse(r.Context(), "2", nil, client.UpdateUser{Phone: &phone})
				require.NoError(t, err)
			}
		})
		require.NoError(t, switchOff(t.Context(), slow, "2"))
		require.Equal(t, 2, updates)
		require.Empty(t, read(t, "2").Phone)
	})

	t.Run("takes a user who is gone for off", func(t *testing.T) {
		reset(t)
		_, err := root.DeleteUserWithResponse(t.Context(), "2", nil)
		require.NoError(t, err)
		require.NoError(t, switchOff(t.Context(), root, "2"))
	})

	t.Run("reports what it cannot do", func(t *testing.T) {
		reset(t)
		require.ErrorContains(t, switchOff(t.Context(), root, "1"), "409") // root's own account
	})

	// The header Prefer asks the mock for any answer that the contract has.
	t.Run("reports a busy server", func(t *testing.T) {
		reset(t)
		busy := connectTo(t, url, func(r *http.Request) {
			if r.Method == http.MethodPut {
				r.Header.Set("Prefer", "code=503")
			}
		})
		require.ErrorContains(t, switchOff(t.Context(), busy, "2"), "503")
		require.Equal(t, nullable.NewNullableWithValue(true), read(t, "2").IsActive)
	})
}

// startMock starts 'userapi mock' on free ports, and returns the addresses of the API and of the ops listener. The mock
// ends with the test, and its database with it.
func startMock(t *testing.T) (api, ops string) {
	t.Helper()
	mock := exec.CommandContext(context.Background(), buildUserapi(t), "mock", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--log-format=json")
	mock.Env = []string{"TMPDIR=" + t.TempDir()}
	log, err := mock.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, mock.Start())
	t.Cleanup(func() {
		require.NoError(t, mock.Process.Signal(os.Interrupt))
		_, _ = io.Copy(io.Discard, log)
		require.NoError(t, mock.Wait())
	})
	for lines := json.NewDecoder(log); api == ""; {
		var line struct{ Msg, Address string }
		require.NoError(t, lines.Decode(&line))
		switch line.Msg {
		case "serving metrics":
			ops = "http://" + line.Address
		case "listening":
			api = "http://" + line.Address
		}
	}
	return api, ops
}

// buildUserapi builds the program of this repository.
func buildUserapi(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "userapi")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "userapi/cmd/userapi").CombinedOutput()
	require.NoError(t, err, string(output))
	return program
}
