// Command bench measures userapi beside two floors: a server that answers a constant,
// and one that does one durable UPDATE a request; then with more and more users. All of
// them and the clients are processes of this machine, and one is under load at a time.
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
	fmt.Printf("%s, %s, %d cores, %d clients on them unless it says otherwise, medians of %d rounds of %s\n\n",
		time.Now().UTC().Format(time.DateOnly), cpu(), runtime.NumCPU(), clients, b.rounds, b.length)
	if err := b.floors(ctx); err != nil {
		return err
	}
	return b.sizes(ctx)
}

// program is the path of one of the programs.
func (b bench) program(name string) string { return filepath.Join(b.programs, name) }

// seeded makes a database with this many users and returns its path.
func (b bench) seeded(ctx context.Context, name string, users int) (string, error) {
	path := filepath.Join(b.folder, name+".db")
	return path, seed(ctx, path, users)
}
