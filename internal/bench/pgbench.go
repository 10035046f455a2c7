package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// pgbench runs one prepared UPDATE per transaction with the program of that name, which comes with
// PostgreSQL. Each client has users of its own, so that no client waits for another's row.
type pgbench struct {
	program  string
	script   string // a file
	database string
	users    int
	clients  int
}

// pgbenchScript changes the phone of a user and counts the version up, as userapi does.
const pgbenchScript = `\set id 2 + :client_id + :clients * random(0, :last)
\set phone random(1, 1000000000)
UPDATE users SET phone = :phone, version = version + 1 WHERE id = :id;
`

// findPgbench returns the path of the program. Debian keeps it outside of PATH.
func findPgbench() (string, error) {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("pgbench was not found: install PostgreSQL's programs, for example with 'apt-get install postgresql'")
	}
	return found[len(found)-1], nil
}

func newPgbench(program, folder, database string, users, clients int) (*pgbench, error) {
	p := &pgbench{program: program, script: filepath.Join(folder, "pgbench.sql"), database: database, users: users, clients: clients}
	return p, os.WriteFile(p.script, []byte(pgbenchScript), 0o600)
}

// run lets pgbench connect its clients during the warm-up: it does not count that time, although it belongs to
// its duration, which has whole seconds.
func (p *pgbench) run(ctx context.Context, t timing) (sample, error) {
	text, err := output(ctx, p.program, "-n", "-M", "prepared", "-f", p.script,
		"-c", strconv.Itoa(p.clients), "-j", strconv.Itoa(min(2, p.clients)), "-T", strconv.Itoa(int(math.Ceil((t.warmUp + t.length).Seconds()))),
		"-D", fmt.Sprint("clients=", p.clients), "-D", fmt.Sprint("last=", (p.users-2)/p.clients-1), p.database)
	if err != nil {
		return sample{}, err
	}
	return parsePgbench(text)
}

var pgbenchThroughput = regexp.MustCompile(`(?m)^tps = ([0-9.]+) `)

func parsePgbench(text string) (s sample, err error) {
	found := pgbenchThroughput.FindStringSubmatch(text)
	if found == nil {
		return s, fmt.Errorf("pgbench had no time for a transaction, or has failed:\n%s", text)
	}
	s.throughput, err = strconv.ParseFloat(found[1], 64)
	return s, err
}
