package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"userapi/internal/conform"
)

type conformCommand struct {
	URL             string  `arg:"" help:"The server, for example http://127.0.0.1:8080."`
	TokenFile       string  `required:"" placeholder:"FILE" help:"File with the token of a system administrator that 'userapi token create' has made."`
	Requests        int     `default:"1500" placeholder:"N" help:"About how many requests to send (default: 1500)."`
	Seed            *uint64 `placeholder:"N" help:"Send the same requests as the run with this seed (default: a new one)."`
	Report          string  `placeholder:"FILE" help:"Write a report in JUnit's XML to this file."`
	ThisChangesData bool    `help:"Run against a server on another machine. userapi creates users there and removes them in the end."`
}

// Help is called by kong, which prints the text above the flags.
func (conformCommand) Help() string {
	return `It creates two enterprises with users, sends valid and broken requests of every operation, judges the answers
by the contract of this userapi, and removes what it has made. It changes no other user.

Exit status: 0 if the server keeps the contract, 1 if it has faults, 2 for wrong arguments, and 3 if the
server could not be judged, for example because nobody answers or the token is refused.`
}

// Validate is called by kong.
func (c conformCommand) Validate() error {
	var faults []error
	if c.Requests < 1 {
		faults = append(faults, errors.New("--requests: use 1 or more"))
	}
	if err := conform.CheckURL(c.URL); err != nil {
		faults = append(faults, err)
	} else if !conform.IsLoopback(c.URL) && !c.ThisChangesData {
		faults = append(faults, errors.New("the server is on another machine: add --this-changes-data if it may create and remove users there"))
	}
	return errors.Join(faults...)
}

// Run prints the report to stdout.
func (c conformCommand) Run(ctx context.Context, std streams) error {
	token, err := readTokenFile(c.TokenFile)
	if err != nil {
		return &usageError{err}
	}
	report, err := openReport(c.Report)
	if err != nil {
		return &usageError{err}
	}
	bar := newProgress(std.stderr)
	options := conform.Options{URL: c.URL, Token: token, Requests: c.Requests, Seed: newSeed(), Progress: func(done, requests int) {
		bar.report("sending requests", int64(done), int64(requests))
	}, Waiting: func(wait time.Duration) {
		bar.report(fmt.Sprintf("waiting for %.0f seconds because the server asks for it", wait.Seconds()), 0, 0)
	}}
	if c.Seed != nil {
		options.Seed = *c.Seed
	}
	result, judged := conform.Run(ctx, options)
	bar.clear()
	if result.Requests > 0 {
		err = result.Print(std.stdout)
	}
	if report != nil {
		err = errors.Join(err, result.WriteJUnit(report), report.Close())
	}
	if _, ok := errors.AsType[*conform.CannotJudgeError](judged); ok {
		return &statusError{exitCannotJudge, errors.Join(judged, err)}
	}
	if judged != nil && ctx.Err() != nil {
		judged = errors.New("interrupted; what the run had made is removed")
		if len(result.Left) > 0 {
			judged = fmt.Errorf("interrupted; remove what is left: %s", strings.Join(result.Left, " "))
		}
	}
	if err = errors.Join(judged, err); err != nil {
		return err
	}
	if faults := len(result.Faults); faults > 0 {
		return fmt.Errorf("the server breaks the contract: %d faults. To send the same requests again, add --seed=%d --requests=%d",
			faults, result.Seed, c.Requests)
	}
	if len(result.Left) > 0 {
		return fmt.Errorf("remove what is left of the run: %s", strings.Join(result.Left, " "))
	}
	return nil
}

// readTokenFile returns the token in a file, without a newline at the end.
func readTokenFile(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimRight(string(content), "\r\n")
	if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("--token-file: %s has no token: it must have one line of visible ASCII characters", path)
	}
	return token, nil
}

// openReport creates the file before anything is sent. It returns nil if there is to be none.
func openReport(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	return file, nil
}

// newSeed returns a seed that is short enough to type.
func newSeed() uint64 {
	var seed [4]byte
	_, _ = rand.Read(seed[:]) // it never fails
	return uint64(binary.BigEndian.Uint32(seed[:]))
}
