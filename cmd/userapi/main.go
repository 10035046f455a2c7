// Command userapi serves a user directory, and tends it from the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// Exit statuses beside 0.
const (
	exitFailed = 1
	exitUsage  = 2 // wrong arguments or settings; nothing was started
)

// forceExitAfter is when a command ends after a signal, whatever holds it: a log that
// nobody reads, say.
const forceExitAfter = 9500 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(forceExitAfter, func() { os.Exit(exitFailed) }) })
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "userapi:", err)
	if _, usage := errors.AsType[*usageError](err); usage {
		fmt.Fprintln(os.Stderr, "See 'userapi --help'.")
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// usageError is a fault of the arguments or settings.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

type commandLine struct {
	Serve   serveCommand   `cmd:"" help:"Serve the API."`
	Migrate migrateCommand `cmd:"" help:"Create the database or bring its schema up to date."`
	Token   tokenCommands  `cmd:"" help:"Make, list and end tokens."`
	User    userCommands   `cmd:"" help:"Create users and set passwords when nobody can log in."`
	Audit   auditCommand   `cmd:"" help:"Print who has changed what."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// streams are where a command reads what must not be an argument, and where it writes
// what was asked for, and all else.
type streams struct {
	stdin          *os.File
	stdout, stderr io.Writer
}

// run carries out one command until it is done or ctx ends.
func run(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) error {
	var cli commandLine
	helpShown := false
	parser, err := kong.New(&cli,
		kong.Name("userapi"),
		kong.Description("A spec-first user directory."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helpShown = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdin, stdout, stderr}),
	)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(args, func(arg string) bool { return !utf8.ValidString(arg) }) {
		return &usageError{errors.New("the arguments are not all UTF-8")} // the parser would replace it
	}
	command, err := parser.Parse(args)
	if helpShown {
		return nil
	}
	if err != nil {
		return &usageError{err}
	}
	return command.Run()
}
