package contract

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	userBody = `{"user_id":2,"nick_name":"ada","email":null,"phone":"","is_active":null,"enterprise_id":"default",` +
		`"origion":null,"create_time":"2026-11-23T12:00:00.000000Z","client_ip":null}`
	problemBody = `{"type":"urn:userapi:problem:not_found","title":"Not found","status":404,"detail":"","code":"not_found",` +
		`"request_id":"4QZ6YKPDXWWWWOOHTCTGXV3JHS","errors":[]}`
)

// exchange describes an [Exchange]. Each test changes one part of it.
type exchange struct {
	method, path, sent string
	status             int
	header             map[string]string
	received           string
}

func getUser() *exchange {
	return &exchange{"GET", "/openapi/v1/users/2", "", 200, map[string]string{
		"X-Request-Id": "4QZ6YKPDXWWWWOOHTCTGXV3JHS", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Content-Type": "application/json", "Etag": `"1"`,
	}, userBody}
}

func updateUser(sent string) *exchange {
	e := getUser()
	e.method, e.sent, e.received = "PUT", sent, `{"enterprise_id":"default","phone":"","is_active":null}`
	delete(e.header, "Etag")
	return e
}

func refused() *exchange {
	e := getUser()
	e.status, e.received = 404, problemBody
	e.header["Content-Type"] = "application/problem+json"
	delete(e.header, "Etag")
	return e
}

func (e *exchange) with(change func(e *exchange)) *exchange {
	change(e)
	return e
}

func (e *exchange) check(t *testing.T) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), e.method, "http://localhost"+e.path, strings.NewReader(e.sent))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response := &http.Response{StatusCode: e.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(e.received))}
	for name, value := range e.header {
		response.Header.Set(name, value)
	}
	c, err := Load()
	require.NoError(t, err)
	return c.CheckExchange(Exchange{request, []byte(e.sent), response, []byte(e.received)})
}

// replaced replaces one text in the body that was received.
func replaced(before, after string) func(e *exchange) {
	return func(e *exchange) { e.received = strings.Replace(e.received, before, after, 1) }
}

func header(name, value string) func(e *exchange) {
	return func(e *exchange) {
		if e.header[name] = value; value == "" {
			delete(e.header, name)
		}
	}
}

// All other tests rely on CheckExchange, so it must find everything that is not in the contract.
func TestCheckExchange(t *testing.T) {
	notModified := func(e *exchange) { e.status, e.received = 304, "" }
	for name, good := range map[string]*exchange{
		"an answer": getUser(), "an update": updateUser(`{"is_active":null}`), "a problem": refused(),
		"not modified": getUser().with(notModified).with(header("Content-Type", "")),
	} {
		require.NoError(t, good.check(t), name)
	}
	for name, broken := range map[string]*exchange{
		"status":              getUser().with(func(e *exchange) { e.status = 202 }),
		"success elsewhere":   getUser().with(func(e *exchange) { e.path = "/openapi/v1/elsewhere" }),
		"undocumented header": getUser().with(header("Server", "x")),
		"no ETag":             getUser().with(header("Etag", "")),
		"weak ETag":           getUser().with(header("Etag", `W/"1"`)),
		"no request id":       getUser().with(header("X-Request-Id", "")),
		"cached":              getUser().with(header("Cache-Control", "")),
		"sniffed":             getUser().with(header("X-Content-Type-Options", "")),
		"media type":          getUser().with(header("Content-Type", "text/plain")),
		"304 without ETag":    getUser().with(notModified).with(header("Etag", "")),
		"another member":      getUser().with(replaced("{", `{"role":"user",`)),
		"missing member":      getUser().with(replaced(`"phone":"",`, "")),
		"type":                getUser().with(replaced(`"is_active":null`, `"is_active":"null"`)),
		"null":                getUser().with(replaced(`"phone":""`, `"phone":null`)),
		"local time":          getUser().with(replaced("000Z", "000+01:00")),
		"no fraction":         getUser().with(replaced(".000000Z", "Z")),
		"five digits":         getUser().with(replaced("0Z", "Z")),
		"seven digits":        getUser().with(replaced("Z", "0Z")),
		"password":            updateUser("{}").with(replaced("{", `{"password":"correct horse",`)),
		"forbidden request":   updateUser(`{"phone":null}`),
		"unknown member":      updateUser(`{"x":1}`),
		"problem's type":      refused().with(header("Content-Type", "application/json")),
		"problem's code":      refused().with(replaced("problem:not_found", "problem:forbidden")),
		"problem's status":    refused().with(replaced("404", "403")),
		"problem's id":        refused().with(replaced("4QZ", "5QZ")),
		"problem's member":    refused().with(replaced("{", `{"instance":"/x",`)),
		"problem's errors":    refused().with(replaced("[]", "null")),
		"unnamed code": refused().with(func(e *exchange) {
			e.received = strings.ReplaceAll(e.received, "not_found", "forbidden")
		}),
		"two problems": refused().with(func(e *exchange) { e.received += e.received }),
		"trailing":     refused().with(func(e *exchange) { e.received += "}" }),
		"no problem":   refused().with(func(e *exchange) { e.received = "" }),
	} {
		require.Error(t, broken.check(t), name)
	}
}
