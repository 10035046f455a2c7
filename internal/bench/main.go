// Command bench measures userapi next to two baselines: a server that gives a constant
// answer, and one that commits one durable UPDATE for each request. Then it measures
// userapi with up to a million users. Each server is a process on this machine, all clients
// together are another one, and one server is under load at a time.
package main

import (
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b := bench{}
	flag.IntVar(&b.rounds, "rounds", 5, "number of rounds; medians over them are printed")
	flag.DurationVar(&b.length, "length", 2*time.Second, "how long one measurement takes, without its warm-up")
	flag.StringVar(&b.programs, "programs", "bin", "the folder with userapi, constant and durable")
	flag.Parse()
	if b.rounds < 1 || b.length <= 0 {
		fmt.Fprintln(os.Stderr, "bench: -rounds must be at least 1, and -length more than 0")
		os.Exit(2)
	}
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	rounds   int
	length   time.Duration
	programs string
	folder   string // for databases and logs
}

func (b bench) run(ctx context.Context) (err error) {
	if b.folder, err = os.MkdirTemp(b.programs, "bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	fmt.Printf(`%s, %s, %d cores, shared by servers and clients.
Medians of %d rounds of %s. The columns with "vs" are ratios within the same round.
%d clients, if no other number is given, send one request after the other. A PUT changes is_active.
Two baselines: constant decodes the body and always gives the same answer; durable UPDATE commits each request on its own.

`, time.Now().UTC().Format(time.DateOnly), processorName(), runtime.NumCPU(), b.rounds, b.length, clients)
	if err := b.measureBaselines(ctx); err != nil {
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
