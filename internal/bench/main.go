package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const clients = 64

// Exit statuses, as of diff(1).
const (
	exitSlower = 1
	exitFailed = 2
)

func main() {
	// If nobody reads standard output any more, SIGPIPE would end bench and leave its servers.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	b := parseFlags()
	err := b.run(ctx)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	if errors.Is(err, errSlower) {
		os.Exit(exitSlower)
	}
	os.Exit(exitFailed)
}

// parseFlags exits if the flags are wrong.
func parseFlags() (b bench) {
	flag.StringVar(&b.base, "base", "", "compare the working tree with this `commit`")
	flag.StringVar(&b.database, "database", "", "measure nodes on the PostgreSQL server with this `address`, postgres://…")
	flag.IntVar(&b.rounds, "rounds", 0, "`number` of rounds (5; with -base 14)")
	flag.DurationVar(&b.length, "length", 0, "`duration` of one measurement, without its warm-up (2s; with -base 0.8s)")
	flag.StringVar(&b.programs, "programs", "bin", "`folder` with the programs userapi, constant and durable")
	flag.Parse()
	b.warmUp = 300 * time.Millisecond
	rounds, length := 5, 2*time.Second
	if b.base != "" {
		b.warmUp, rounds, length = 100*time.Millisecond, 14, 800*time.Millisecond
	}
	b.rounds, b.length = cmp.Or(b.rounds, rounds), cmp.Or(b.length, length)
	if b.base != "" && b.database != "" {
		fmt.Fprintln(os.Stderr, "bench: give -base or -database, not both")
		os.Exit(exitFailed)
	}
	if b.rounds < 1 || b.length <= 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench: give -rounds of at least 1, a -length of more than 0, and no arguments")
		os.Exit(exitFailed)
	}
	return b
}

type bench struct {
	base     string // a git revision; "": no comparison
	database string // the address of a PostgreSQL server; "": SQLite
	rounds   int
	timing
	programs string
	folder   string // for everything that bench writes
}

func (b bench) run(ctx context.Context) (err error) {
	if b.folder, err = os.MkdirTemp(b.programs, "bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	if b.base != "" {
		return b.compare(ctx)
	}
	if b.database != "" {
		return b.measurePostgres(ctx)
	}
	fmt.Printf(`%s, %s, %d cores, shared by servers and clients.
Medians of %d rounds of %s. The columns with "vs" are ratios within the same round.
%d clients, if no other number is given, send one request after the other. A PUT changes is_active.
Two baselines: constant decodes the body and always gives the same answer; durable UPDATE commits each request on its own.

`, time.Now().UTC().Format(time.DateOnly), processorName(), runtime.NumCPU(), b.rounds, b.length, clients)
	if err := b.measureBaselines(ctx); err != nil {
		return err
	}
	if err := b.measureCrowds(ctx); err != nil {
		return err
	}
	return b.measureDatasets(ctx)
}

// program is the path of one of the programs.
func (b bench) program(name string) string { return filepath.Join(b.programs, name) }

// seedDatabase creates a database with this many users for a userapi and returns its path.
// It syncs the file, because otherwise the first fsync of a server would have to write all
// of it.
func (b bench) seedDatabase(ctx context.Context, program, name string, users int) (string, error) {
	path := filepath.Join(b.folder, name+".db")
	if err := seed(ctx, program, path, users); err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	return path, errors.Join(file.Sync(), file.Close())
}
