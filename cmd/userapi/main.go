package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"userapi/internal/store/postgres"
)

// Exit statuses other than 0.
const (
	exitFailed = 1
	exitUsage  = 2 // wrong arguments or settings; nothing was started

	exitCannotJudge = 3 // conform could not judge the server
)

// forceExitAfter is how long a command may run after a signal. It then exits with
// exitFailed, even if something blocks it, for example a pipe that nobody reads.
const forceExitAfter = 9500 * time.Millisecond

// forceExit exits the process after forceExitAfter.
func forceExit() { time.AfterFunc(forceExitAfter, func() { os.Exit(exitFailed) }) }

// postponeExit keeps the signal from calling forceExit, and reports whether it was in time. The caller then
// has to call forceExit itself.
type postponeExit func() bool

// printTimeout is how long a command tries to print why it failed. Nobody may be reading.
const printTimeout = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err == nil {
		return
	}
	text, status := fmt.Sprintln("userapi:", err), exitFailed
	if _, usage := errors.AsType[*usageError](err); usage {
		text, status = text+"Run 'userapi --help' to see how to use it.\n", exitUsage
	}
	if failed, ok := errors.AsType[*statusError](err); ok {
		status = failed.status
	}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		_, _ = io.WriteString(os.Stderr, text) // nobody can be told that this failed
	}()
	select {
	case <-printed:
	case <-time.After(printTimeout):
	}
	os.Exit(status)
}

// stopSignals returns the signals that end a command. SIGHUP is one of them unless it was ignored
// at the start: then nohup or the like wants the command to outlive its terminal.
func stopSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// usageError says that arguments or settings are wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// statusError is an error with an exit status of its own.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }

type commandLine struct {
	Serve       serveCommand       `cmd:"" help:"Start the server."`
	Migrate     migrateCommand     `cmd:"" help:"Create the database, or update its schema to this version of userapi."`
	Backup      backupCommand      `cmd:"" help:"Write the database to a file, next to a running server or without one."`
	Restore     restoreCommand     `cmd:"" help:"Put a backup in the place of the database. The server must not be running."`
	Copy        copyCommand        `cmd:"" help:"Copy a SQLite database to an empty PostgreSQL database. The server must not be running."`
	Token       tokenCommands      `cmd:"" help:"Create, list and revoke tokens."`
	User        userCommands       `cmd:"" help:"Create and list users and set passwords, even if nobody can log in."`
	Mock        mockCommand        `cmd:"" help:"Start the server on a database that is deleted when it ends, to test programs against it."`
	Audit       auditCommand       `cmd:"" help:"Print who changed what, and when."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a server whether it is ready."`
	Conform     conformCommand     `cmd:"" help:"Test whether a server keeps the contract."`
	Version     versionCommand     `cmd:"" help:"Print the versions of userapi, its contract, its schemas and Go."`

	ShowVersion versionFlag `name:"version" help:"Print the same as 'userapi version'."`
}

// streams are the standard streams. A command reads passwords from stdin, because process
// lists show arguments, writes results to stdout, and writes everything else to stderr.
type streams struct {
	stdin          *os.File
	stdout, stderr io.Writer
}

// run runs one subcommand, until ctx ends at the latest.
func run(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) error {
	var cli commandLine
	helpShown := false
	parser, err := kong.New(&cli,
		kong.Name("userapi"),
		kong.Description("A user directory server. It serves its API, and the documentation of the API at /docs."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helpShown = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdin, stdout, stderr}, postponeExit(context.AfterFunc(ctx, forceExit))),
	)
	if err != nil {
		return err
	}
	command, err := parse(parser, args)
	if helpShown {
		return nil
	}
	if err = errors.Join(err, checkFlags(command, err)); err != nil {
		return &usageError{err}
	}
	return command.Run()
}

// checkFlags fails if a flag has a password, because process lists show flags. Err is what the parser says.
func checkFlags(command *kong.Context, err error) error {
	if failed, ok := errors.AsType[*kong.ParseError](err); ok {
		command = failed.Context
	}
	if command == nil {
		return nil
	}
	for _, given := range command.Path {
		if given.Flag == nil || given.Flag.Target.Kind() != reflect.String {
			continue
		}
		if value := given.Flag.Target.String(); isPostgres(value) && postgres.HasPassword(value) {
			return fmt.Errorf("--%s: process lists show flags, so give no password in it: set USERAPI_DATABASE, or keep the password in a file that PGPASSFILE names",
				given.Flag.Name)
		}
	}
	return nil
}
