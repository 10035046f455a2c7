package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	// healthTimeout is how long the server may take to answer.
	healthTimeout = 3 * time.Second
	// maxReason is how many bytes of an answer are read to say why a server is not ready.
	maxReason = 1 << 10
	readyPath = "/readyz"
)

type healthcheckCommand struct {
	listenSettings `embed:""`
	URL            string `arg:"" optional:"" help:"Where to ask, for example http://127.0.0.1:8081. Without a path, it is /readyz (default: the server with these settings)."`
}

// Help is called by kong, which prints the text above the flags.
func (healthcheckCommand) Help() string {
	return `The command exits with status 0 if the server is ready, and with status 1 if it is not, or does
not answer within 3 seconds. It asks at the address of --ops-listen or, if that is off, of --listen.
So in the environment of the server it needs no arguments.`
}

// Validate is called by kong.
func (c *healthcheckCommand) Validate() error {
	if c.URL == "" {
		return listFaults(c.check)
	}
	parsed, err := url.Parse(c.URL)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.User != nil {
		return errors.New("use a URL without a user, for example http://127.0.0.1:8081") // the URL can hold a password
	}
	if parsed.Path == "" {
		parsed.Path = readyPath
	}
	c.URL = parsed.String()
	return nil
}

// Run prints "ready", or fails with the reason why the server is not.
func (c *healthcheckCommand) Run(ctx context.Context, std streams) error {
	address, dial := c.URL, new(net.Dialer).DialContext
	if address == "" {
		var err error
		if address, dial, err = c.reachable(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if err := askReady(ctx, address, dial); err != nil {
		return err
	}
	_, err := fmt.Fprintln(std.stdout, "ready")
	return err
}

// dialFunc opens a connection, as [net.Dialer.DialContext] does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// reachable returns where and how this machine reaches the server with these settings.
func (c *healthcheckCommand) reachable() (string, dialFunc, error) {
	name, listen := "USERAPI_OPS_LISTEN or --ops-listen", c.OpsListen
	if listen == opsOff {
		name, listen = "USERAPI_LISTEN or --listen", c.Listen
	}
	dialer := new(net.Dialer)
	if path, isUnix := strings.CutPrefix(listen, unixPrefix); isUnix {
		return "http://unix" + readyPath, func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socketPath(path))
		}, nil
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", nil, err
	}
	if strings.Trim(port, "0") == "" {
		return "", nil, fmt.Errorf("%s: the server chooses a port for %q, so nobody knows it here: give a URL", name, listen)
	}
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		host = map[bool]string{true: "::1", false: "127.0.0.1"}[address.Is6()]
	}
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: readyPath}).String(), dialer.DialContext, nil
}

// askReady fails unless the answer is 200. It uses no proxy, and follows no redirect.
func askReady(ctx context.Context, address string, dial dialFunc) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: dial}
	response, err := transport.RoundTrip(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s did not answer within %s: look at the log of the server", address, healthTimeout)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be reached: start the server, or give the URL at which it listens (%w)", address, err)
	}
	defer func() { _ = response.Body.Close() }() // the answer was read as far as it is needed
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%s answers %d: %s", address, response.StatusCode, reason(response))
}

// reason returns what an answer says, in one line: the detail of a problem, or the text.
func reason(response *http.Response) string {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
	var problem struct {
		Detail string `json:"detail"`
	}
	text := string(body)
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		text = problem.Detail
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if err != nil || text == "" {
		return "it does not say why"
	}
	return text
}
