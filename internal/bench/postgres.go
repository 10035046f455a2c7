package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"userapi/internal/password"
)

const (
	// nodeUsers is the number of users in the database of the nodes and of pgbench.
	nodeUsers = 100_000
	// listUsers is the number of users in the database that is listed.
	listUsers = 1_000_000
	// listEnterpriseSize is the number of users of an enterprise in both; the last is an administrator.
	listEnterpriseSize = 1000
)

// measurePostgres measures nodes on a PostgreSQL server next to pgbench.
func (b bench) measurePostgres(ctx context.Context) (err error) {
	program, err := findPgbench()
	if err != nil {
		return err
	}
	if err := b.printPostgres(ctx); err != nil {
		return err
	}
	if err := b.onDatabase(ctx, nodeUsers, func(database string) error {
		return b.onNodes(ctx, database, func(nodes [2]*process) error {
			if err := b.measureNodes(ctx, program, database, nodes); err != nil {
				return err
			}
			return measureEnds(ctx, database, nodes)
		})
	}); err != nil {
		return err
	}
	if err := b.onDatabase(ctx, listUsers, func(database string) error {
		return b.onNodes(ctx, database, func(nodes [2]*process) error { return b.measureLists(ctx, database, nodes[0]) })
	}); err != nil {
		return err
	}
	return b.measureStarts(ctx)
}

// printPostgres prints what the figures depend on.
func (b bench) printPostgres(ctx context.Context) error {
	db, err := pgx.Connect(ctx, b.database)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close(ctx) }()
	var version, fsync string
	if err := db.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('fsync')`).Scan(&version, &fsync); err != nil {
		return err
	}
	fmt.Printf(`%s, %s, %d cores, shared by nodes, clients and PostgreSQL %s with fsync %s.
Medians of %d rounds of %s. The columns with "vs" are ratios within the same round.
pgbench runs one prepared UPDATE per transaction on the same %d users: it sets a phone and counts the version up. A PUT changes a phone.

`, time.Now().UTC().Format(time.DateOnly), processorName(), runtime.NumCPU(), version, fsync, b.rounds, b.length, nodeUsers)
	if fsync != "on" {
		fmt.Print("Without fsync a commit costs pgbench almost nothing, so these figures say little: turn it on.\n\n")
	}
	return nil
}

// onDatabase calls fn with the address of a database that has this many users, and drops it. Without
// users, the database is empty.
func (b bench) onDatabase(ctx context.Context, users int, fn func(database string) error) (err error) {
	db, err := pgx.Connect(ctx, b.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(context.WithoutCancel(ctx))) }()
	address, err := url.Parse(b.database)
	if err != nil {
		return errors.New("the address of the database is not a URL")
	}
	name := "bench_" + strings.ToLower(rand.Text())
	if _, err := db.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	defer func() {
		_, dropped := db.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)")
		err = errors.Join(err, dropped)
	}()
	address.Path = "/" + name
	if users > 0 {
		if err := seedPostgres(ctx, b.program("userapi"), address.String(), users); err != nil {
			return err
		}
	}
	return fn(address.String())
}

// seedPostgres is seed for a PostgreSQL database, with larger enterprises.
func seedPostgres(ctx context.Context, program, database string, users int) (err error) {
	migrate := exec.CommandContext(ctx, program, "migrate", "--database="+database) //nolint:gosec // the user of the bench names the folder of the programs
	if output, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", migrate.Path, err, output)
	}
	hash, err := password.NewHasher(password.Params()).Hash(ctx, seedPassword)
	if err != nil {
		return err
	}
	return onConnection(ctx, database, func(db *pgx.Conn) error {
		if _, err := db.Exec(ctx, `
			INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, password_hash, email, phone, phone_folded, is_active, create_time)
			SELECT n, 1, 'user' || n, 'user' || n, CASE WHEN n = 1 THEN 'default' ELSE 'enterprise-' || (n / $2) END,
				CASE WHEN n = 1 THEN 'system_administrator' WHEN n % $2 < 2 THEN 'administrator' ELSE 'user' END,
				$3, 'user' || n || '@example.com', '+44 20 ' || n, '+44 20 ' || n, true, 1767225600000000 + n
			FROM generate_series(1, $1::int) AS n`, users, listEnterpriseSize, hash); err != nil {
			return fmt.Errorf("seed %d users: %w", users, err)
		}
		if _, err := db.Exec(ctx, `SELECT setval(pg_get_serial_sequence('users', 'id'), $1)`, users); err != nil {
			return err
		}
		_, err := db.Exec(ctx, `VACUUM (ANALYZE) users`)
		return err
	})
}

func onConnection(ctx context.Context, database string, fn func(db *pgx.Conn) error) (err error) {
	db, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(context.WithoutCancel(ctx))) }()
	return fn(db)
}

// onNodes calls fn with two nodes on a database, and stops them.
func (b bench) onNodes(ctx context.Context, database string, fn func(nodes [2]*process) error) (err error) {
	var nodes [2]*process
	for i := range nodes {
		if nodes[i], err = startNode(ctx, b.program("userapi"), database, filepath.Join(b.folder, "node.log")); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, nodes[i].stop()) }()
	}
	return fn(nodes)
}

// measureNodes measures one node, two nodes and pgbench in turn.
func (b bench) measureNodes(ctx context.Context, program, database string, nodes [2]*process) error {
	update := func(name string, clients int) (*measurement, error) {
		baseline, err := newPgbench(program, b.folder, database, nodeUsers, clients)
		return &measurement{name: name, pgbench: baseline}, err
	}
	update64, err := update("pgbench UPDATE, 64 clients", clients)
	if err != nil {
		return err
	}
	update1, err := update("pgbench UPDATE, 1 client", 1)
	if err != nil {
		return err
	}
	newMeasurement := func(name string, baseline *measurement, clients int, request requestFunc) *measurement {
		return &measurement{name: name, baseline: baseline, workload: &workload{server: nodes[0], clients: clients, request: request}}
	}
	put64 := newMeasurement("PUT, 64 clients", update64, clients, putPhone(nodeUsers))
	put1 := newMeasurement("PUT, 1 client", update1, 1, putPhone(nodeUsers))
	get64 := newMeasurement("GET, 64 clients", update64, clients, get(nodeUsers))
	two := newMeasurement("PUT, 64 clients, two nodes", update64, clients, putPhone(nodeUsers))
	two.workload.other = nodes[1]
	if err := runRounds(ctx, b.rounds, b.timing, []*measurement{update64, put64, get64, two, update1, put1}); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trequests/s\tp50\tp99\tmax\tvs pgbench\tvs one node\tat least\t")
	for _, row := range []struct {
		m, oneNode *measurement
		want       string
	}{
		{update64, nil, "-"}, {put64, nil, "0.50"}, {two, put64, "0.80 of one node"}, {get64, nil, "0.90"}, {update1, nil, "-"}, {put1, nil, "0.20"},
	} {
		cells := row.m.cells()
		if row.m.pgbench != nil {
			cells = fmt.Sprintf("%.0f\t-\t-\t-", row.m.median(throughput))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t\n", row.m.name, cells, row.m.ratio(row.m.baseline, throughput), row.m.ratio(row.oneNode, throughput), row.want)
	}
	return table.Flush()
}

// measureLists measures lists of users while other clients write.
func (b bench) measureLists(ctx context.Context, database string, node *process) error {
	token := rand.Text() + rand.Text()
	if err := onConnection(ctx, database, func(db *pgx.Conn) error {
		return insertToken(ctx, db, token, listEnterpriseSize)
	}); err != nil {
		return err
	}
	writers := &workload{server: node, clients: clients, request: putPhone(listUsers)}
	newMeasurement := func(name, token, query string) *measurement {
		return &measurement{name: name, interference: writers, workload: &workload{server: node, clients: 1, token: token, request: list(query)}}
	}
	measurements := []*measurement{
		newMeasurement("an enterprise of 1,000, page 1", token, "page=1"),
		newMeasurement("an enterprise of 1,000, page 100", token, "page=100"),
		newMeasurement("all, page 1", operatorToken, "page=1"),
		newMeasurement("all, page 1,000", operatorToken, "page=1000"),
	}
	for _, m := range measurements {
		if err := checkTotal(ctx, m); err != nil {
			return err
		}
	}
	// A list takes longer than a PUT.
	if err := runRounds(ctx, b.rounds, timing{b.warmUp, 2 * b.length}, measurements); err != nil {
		return err
	}
	fmt.Printf("\n%d users. One client lists them, 10 on a page, while %d clients send PUT.\n\n", listUsers, clients)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trequests/s\tp50\tp99\tmax\tPUT/s meanwhile\tp99 at most\t")
	for i, m := range measurements {
		want := "50 ms"
		if i >= 2 {
			want = "400 ms"
		}
		fmt.Fprintf(table, "%s\t%s\t%.0f\t%s\t\n", m.name, m.cells(), medianOf(m.interferenceSamples, throughput), want)
	}
	return table.Flush()
}

// checkTotal fails if a list does not have the exact total of users.
func checkTotal(ctx context.Context, m *measurement) error {
	_, path, _ := m.workload.request(0, 0)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.workload.server.url(path), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+m.workload.token)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var found struct {
		Total int               `json:"total"`
		Users []json.RawMessage `json:"users"`
	}
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	want := listEnterpriseSize
	if m.workload.token == operatorToken {
		want = listUsers
	}
	if found.Total != want || len(found.Users) != 10 {
		return fmt.Errorf("%s: got %d users on the page and %d in total, want 10 and %d", m.name, len(found.Users), found.Total, want)
	}
	return nil
}

// startsAtOnce is how many nodes measureStarts starts.
const startsAtOnce = 10

// measureStarts measures how long nodes take that start together on an empty database.
func (b bench) measureStarts(ctx context.Context) error {
	var all []float64
	for range b.rounds {
		err := b.onDatabase(ctx, 0, func(database string) error {
			var starting errgroup.Group
			nodes := make([]*process, startsAtOnce)
			begin := time.Now()
			for i := range nodes {
				starting.Go(func() (err error) {
					nodes[i], err = startNode(ctx, b.program("userapi"), database, filepath.Join(b.folder, "node.log"))
					return err
				})
			}
			err := starting.Wait()
			all = append(all, time.Since(begin).Seconds())
			for _, node := range nodes {
				if node != nil {
					err = errors.Join(err, node.stop())
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	fmt.Printf("%d starts on an empty database, until all answer /readyz with 200: median %.1f s, max %.1f s of %d times (at most 3 s).\n",
		startsAtOnce, median(all), slices.Max(all), b.rounds)
	return nil
}
