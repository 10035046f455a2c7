// Command bench measures userapi beside two floors: a server that answers a constant,
// and one that does one durable UPDATE a request; then with more and more users. Each is
// a process of this machine, as are the clients together, and one is under load at a time.
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
	flag.IntVar(&b.rounds, "rounds", 5, "how often each measurement is repeated; medians are printed")
	flag.DurationVar(&b.length, "length", 2*time.Second, "how long one measurement takes")
	flag.StringVar(&b.programs, "programs", "bin", "the folder with userapi, constant and durable")
	flag.Parse()
	if b.rounds < 1 || b.length <= 0 {
		fmt.Fprintln(os.Stderr, "bench: -rounds has to be 1 or more, and -length longer than nothing")
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
	fmt.Printf(`%s, %s, %d cores, which the clients share. Medians of %d rounds of %s, ratios of the same round.
%d clients unless it says otherwise, each of which waits for its answer. A PUT changes is_active.
constant decodes the body and answers always the same; durable UPDATE commits each request on its own.

`, time.Now().UTC().Format(time.DateOnly), processorName(), runtime.NumCPU(), b.rounds, b.length, clients)
	if err := b.measureBaselines(ctx); err != nil {
		return err
	}
	return b.measureDatasets(ctx)
}

// program is the path of one of the programs.
func (b bench) program(name string) string { return filepath.Join(b.programs, name) }

// seedDatabase makes a database with this many users and returns its path. It is on disk: else
// the first wait of a server for the disk would be for all of it.
func (b bench) seedDatabase(ctx context.Context, name string, users int) (string, error) {
	path := filepath.Join(b.folder, name+".db")
	if err := seed(ctx, path, users); err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	return path, errors.Join(file.Sync(), file.Close())
}
