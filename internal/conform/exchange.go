package conform

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// exchange is a request and its answer. The zero exchange has no answer.
type exchange struct {
	number    int
	operation string // operationId, or "" for a path outside the contract
	request   Request
	as        string // who sent it, for curl
	token     string // "": none
	owner     string // the token of the run, which no text may show
	status    int
	header    http.Header
	body      []byte
	value     any        // of the body if it is JSON
	waits     []exchange // the answers before this one that asked to wait
}

// object returns the body if it is an object, and an empty one otherwise.
func (x exchange) object() map[string]any {
	object, _ := x.value.(map[string]any)
	return object
}

// succeeded reports whether the answer has a status below 400.
func (x exchange) succeeded() bool { return x.status > 0 && x.status < http.StatusBadRequest }

const (
	requestTimeout = time.Minute
	maxAnswer      = 8 << 20 // bytes that are read of an answer
	maxWaits       = 10      // of one request for 429 or 503
	longestWait    = 2 * time.Minute
	mostWaiting    = 5 * time.Minute // of all requests of a run, so that a server cannot hold it for days
	maxHeader      = 64 << 10        // bytes of the headers of an answer
	maxText        = 64 << 10        // bytes of a body that are searched for members with secrets
	maxSilences    = 3               // requests in a row without an answer, after which the run ends
)

// newClient returns a client that never follows a redirect, because the token is only for the host that the user has named.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DisableCompression:  true, // a compressed answer has to be seen
			MaxIdleConnsPerHost: 8,

			MaxResponseHeaderBytes: maxHeader,
		},
	}
}

// exchangeOnce sends a request and reads the answer into x.
func exchangeOnce(ctx context.Context, client *http.Client, base string, x *exchange) error {
	target, err := url.Parse(base + x.request.Target())
	if err != nil {
		return err
	}
	content := x.request.Content()
	request, err := http.NewRequestWithContext(ctx, x.request.Method, target.String(), strings.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	for name, value := range x.request.Headers {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	x.body, err = readAnswer(response)
	x.status, x.header, x.value = response.StatusCode, response.Header, nil
	if json.Unmarshal(x.body, &x.value) != nil {
		x.value = nil
	}
	return errors.Join(err, response.Body.Close())
}

// readAnswer reads the body of an answer. An answer must not be compressed, but if it is, the rest of it can be judged, too.
func readAnswer(response *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil || response.Header.Get("Content-Encoding") != "gzip" {
		return body, err
	}
	compressed, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body, nil //nolint:nilerr // this is not gzip, so the body is judged as it is
	}
	plain, err := io.ReadAll(io.LimitReader(compressed, maxAnswer))
	if err != nil {
		return body, nil //nolint:nilerr // the same
	}
	return plain, nil
}

// retryAfter returns how long the answer asks to wait, and whether it asks at all.
func (x exchange) retryAfter() (time.Duration, bool) {
	if x.status != http.StatusTooManyRequests && x.status != http.StatusServiceUnavailable {
		return 0, false
	}
	seconds, err := strconv.Atoi(x.header.Get("Retry-After"))
	wait := time.Duration(seconds) * time.Second
	return wait, err == nil && seconds >= 0 && wait <= longestWait
}

// sleep waits, and fails if ctx ends.
func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// hide masks the tokens and the passwords of a request in what a server has answered.
func (x exchange) hide(text string) string {
	secrets := []string{x.owner, x.token}
	for _, name := range []string{"password", "password1"} {
		if password, ok := x.request.Members[name].(string); ok {
			secrets = append(secrets, strings.Trim(inJSON(password), `"`), password)
		}
	}
	for _, secret := range secrets {
		if len(secret) >= shortestValue {
			text = strings.ReplaceAll(text, secret, masked)
		}
	}
	return text
}

// text shortens the body for a report.
func (x exchange) text() string {
	if x.status == 0 {
		return "no answer"
	}
	body := x.hide(string(bytes.TrimSpace(x.body))) // before it is cut, because a part of a secret is not found
	body = body[:min(len(body), maxText)]
	if media := x.header.Get("Content-Type"); body != "" && media != "" {
		body = x.hide(media) + " " + body
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", x.status, mask(shorten(body, 400))))
}

func shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
