package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// objects reads JSON, one object on each line.
func objects(t *testing.T, lines string) (read []map[string]any) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object), line)
		read = append(read, object)
	}
	return read
}

// What --json prints about users and changes is what the API answers, and a bit more.
func TestJSONSaysWhatTheAPISays(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	// send returns what the API answers.
	send := func(want int, method, path, body string) (answer map[string]any) {
		t.Helper()
		status, content := s.sendRequest(t, token, method, "/openapi/v1"+path, body)
		require.Equal(t, want, status, content)
		require.NoError(t, json.Unmarshal([]byte(content), &answer))
		return answer
	}
	// print returns what userapi prints.
	print := func(args ...string) []map[string]any {
		t.Helper()
		stdout, stderr, code := runCommand(t, dir, nil, append(args, "--json")...)
		require.Equal(t, 0, code, stderr)
		return objects(t, stdout)
	}
	send(201, "POST", "/users", `{"nick_name":"<ada>","password":"correct horse","enterprise_id":"acme","email":"ada@example.com","phone":"1","origion":"import"}`)
	send(201, "POST", "/users", `{"nick_name":"bob","password":"correct horse","enterprise_id":"acme","is_active":null}`)
	send(201, "POST", "/administrators", `{"user_id":"2","eid":"acme"}`)
	send(200, "PUT", "/users/2", `{"phone":"2"}`)
	send(200, "PUT", "/users/3", `{"is_active":false}`)

	for id, more := range map[string]map[string]any{
		"1": {"role": "system_administrator", "version": 1.0}, "2": {"role": "administrator", "version": 3.0}, "3": {"role": "user", "version": 2.0},
	} {
		want := send(200, "GET", "/users/"+id, "")
		for name, value := range more {
			want[name] = value
		}
		require.Equal(t, []map[string]any{want}, print("user", "show", "--user="+id))
	}
	for id := 1; id <= 3; id++ {
		shown, listed := print("user", "show", "--user", string(rune('0'+id)))[0], print("user", "list")[id-1]
		require.Len(t, listed, 5)
		for name, value := range listed {
			require.Equal(t, shown[name], value)
		}
	}
	require.Len(t, print("user", "list", "--enterprise-id=acme"), 2)
	require.Empty(t, print("user", "list", "--enterprise-id=nobody"))

	want := send(200, "GET", "/users/2/audit", "")["events"].([]any)
	got := print("audit", "--user=2")
	require.Len(t, want, 3)
	require.Len(t, got, 3)
	for i, event := range want {
		require.Equal(t, event, got[i])
	}
	all := print("audit")
	require.Len(t, all, 7)
	require.Nil(t, all[0]["actor_id"], "the server itself created user 1")
	require.Nil(t, all[0]["request_id"])
}

func TestTokensAreListedInJSON(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	_, stderr, code := runCommand(t, dir, nil, "token", "create", "--user=1", "--name=nightly", "--expires-in=24h")
	require.Equal(t, 0, code, stderr)
	list, stderr, code := runCommand(t, dir, nil, "token", "list", "--json")
	require.Equal(t, 0, code, stderr)
	const at = `"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"`
	require.Regexp(t, `^{"token_id":1,"user_id":1,"kind":"made","create_time":`+at+`,"expires_at":null,"name":"first start"}
{"token_id":2,"user_id":1,"kind":"made","create_time":`+at+`,"expires_at":`+at+`,"name":"nightly"}
$`, list)
	require.NotContains(t, list, readToken(t, filepath.Join(dir, "userapi.token")))
	s.terminate(t)
	list, _, code = runCommand(t, dir, nil, "token", "list", "--json", "--user=9")
	require.Equal(t, 0, code)
	require.Empty(t, list)
}

func TestUserShowPrintsAUser(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir, nil)
	status, answer := s.sendRequest(t, readToken(t, filepath.Join(dir, "userapi.token")), "POST", "/openapi/v1/users",
		`{"nick_name":"ada","password":"correct horse","enterprise_id":"acme","email":"ada@example.com","is_active":null}`)
	require.Equal(t, 201, status, answer)
	shown, stderr, code := runCommand(t, dir, nil, "user", "show", "--user=2")
	require.Equal(t, 0, code, stderr)
	require.Regexp(t, `^ID +2
NAME +ada
ENTERPRISE +acme
ROLE +user
STATE +undecided
EMAIL +ada@example\.com
PHONE +-
ORIGION +-
CREATED +\S+Z
CREATED FROM +127\.0\.0\.1
VERSION +1
$`, shown)
	_, stderr, code = runCommand(t, dir, nil, "user", "show", "--user=3", "--json")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "userapi: there is no user 3\n", stderr)
}
