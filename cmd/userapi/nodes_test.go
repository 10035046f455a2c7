package main

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/store/storetest"
)

// cluster is nodes on one database with nginx in front of them.
type cluster struct {
	driver, database string
	dir              string
	nodes            []*server
	nginx            *apitest.Nginx
	token            string
}

// startCluster starts three nodes on a PostgreSQL database.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	return (&cluster{driver: "pgx", database: storetest.NewEmptyPostgres(t), dir: t.TempDir()}).start(t, 3)
}

func (c *cluster) start(t *testing.T, nodes int) *cluster {
	t.Helper()
	for range nodes {
		c.nodes = append(c.nodes, c.startNode(t))
	}
	c.nginx = apitest.StartNginx(t, apitest.NginxBlock(t), c.addresses()...)
	c.token = readToken(t, c.dir+"/userapi.token")
	return c
}

func (c *cluster) startNode(t *testing.T) *server {
	t.Helper()
	return startServer(t, c.dir, []string{"USERAPI_DATABASE=" + c.database}, "--trusted-proxies=127.0.0.1", "--drain=2s")
}

// addresses returns the addresses of the nodes. Those in down get no requests.
func (c *cluster) addresses(down ...*server) (addresses []string) {
	for _, node := range c.nodes {
		address := strings.TrimPrefix(node.url, "http://")
		for _, d := range down {
			if d == node {
				address += " down"
			}
		}
		addresses = append(addresses, address)
	}
	return addresses
}

// clientOver returns a client that shares one HTTP/2 connection, or has a connection for each request.
func (c *cluster) clientOver(t *testing.T, http2 bool) (client *http.Client, url string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: !http2}
	url = c.nginx.URL
	if http2 {
		transport.ForceAttemptHTTP2 = true
		transport.TLSClientConfig = &tls.Config{RootCAs: c.nginx.Roots}
		url = c.nginx.SecureURL
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, url
}

// versionWriter changes the phone number of its own user again and again. Each change names the version that it
// changes, so a change that is made twice is answered 412.
type versionWriter struct {
	client       *http.Client
	url, token   string
	user         int
	version      int // of the user
	acknowledged int // changes that were answered 200
	unanswered   int // changes that were answered 502
	found        int // of these, how many were made
}

// newWriters creates a user for each writer. Every other writer speaks HTTP/2.
func (c *cluster) newWriters(t *testing.T, count int) (writers []*versionWriter) {
	t.Helper()
	c.nodes[0].createUsers(t, c.token, count)
	for i := range count {
		client, url := c.clientOver(t, i%2 == 0)
		writers = append(writers, &versionWriter{client: client, url: url, token: c.token, user: 2 + i, version: 1})
	}
	return writers
}

// send sends a request and returns the status, the version of the user and the body.
func (w *versionWriter) send(t *testing.T, method, body string) (status int, version, answer string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("%s/openapi/v1/users/%d", w.url, w.user), strings.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	request.Header = http.Header{"Authorization": {w.token}}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("If-Match", fmt.Sprintf(`"%d"`, w.version))
	}
	response, err := w.client.Do(request)
	if err != nil {
		return 0, "", "", err
	}
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("ETag"), string(content), errors.Join(err, response.Body.Close())
}

// change changes the phone number and reads the user. It fails the test if an answer is wrong.
func (w *versionWriter) change(t *testing.T) error {
	t.Helper()
	status, _, answer, err := w.send(t, http.MethodPut, fmt.Sprintf(`{"phone":"%d"}`, w.version+1))
	if err != nil {
		return err
	}
	made := status == http.StatusOK
	if !made && status != http.StatusBadGateway {
		return fmt.Errorf("PUT of version %d: %d %s", w.version, status, answer)
	}
	read, version, answer, err := w.send(t, http.MethodGet, "")
	if err != nil {
		return err
	}
	if made {
		w.acknowledged++
	} else {
		w.unanswered++
		if made = version == fmt.Sprintf(`"%d"`, w.version+1); made {
			w.found++
		}
	}
	phone := ""
	if made {
		w.version++
	}
	if w.version > 1 {
		phone = fmt.Sprint(w.version)
	}
	if read != http.StatusOK || version != fmt.Sprintf(`"%d"`, w.version) || !strings.Contains(answer, fmt.Sprintf(`"phone":%q`, phone)) {
		return fmt.Errorf("GET of version %d: %d %s %s", w.version, read, version, answer)
	}
	return nil
}

// underLoad calls do while the writers write. wait returns when a number of further changes was acknowledged.
func underLoad(t *testing.T, writers []*versionWriter, do func(wait func(changes int))) {
	t.Helper()
	stop := make(chan struct{})
	var changes atomic.Int64
	var running sync.WaitGroup
	for _, w := range writers {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := w.change(t); err != nil {
					t.Error(err)
					return
				}
				changes.Add(1)
			}
		})
	}
	do(func(further int) {
		until := changes.Load() + int64(further)
		apitest.WaitFor(func() bool { return changes.Load() >= until || t.Failed() })
	})
	close(stop)
	running.Wait()
}

// requireEachChangeOnce fails unless the database has every acknowledged change, and each change with one audit row.
func (c *cluster) requireEachChangeOnce(t *testing.T, writers []*versionWriter) {
	t.Helper()
	db, err := sql.Open(c.driver, c.database)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, w := range writers {
		var version, events, requests int
		require.NoError(t, db.QueryRowContext(t.Context(), fmt.Sprintf(`
			SELECT version, count(events.id), count(DISTINCT request_id) FROM users JOIN events ON target_id = users.id AND operation = 'updateUser'
			WHERE users.id = %d GROUP BY version`, w.user)).Scan(&version, &events, &requests))
		require.Equal(t, w.version, version)
		require.Equal(t, w.acknowledged+w.found, version-1)
		require.Equal(t, version-1, events)
		require.Equal(t, events, requests)
	}
}

// Nodes are killed, one after the other, while eight clients write through nginx. Every acknowledged change is there, no
// change was made twice, and no request that reads has failed.
func TestKilledNodesOnPostgresLoseNothing(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	writers := c.newWriters(t, 8)
	unanswered, found, acknowledged := 0, 0, 0
	for round := 0; round < len(c.nodes) || unanswered == 0; round++ {
		killed := c.nodes[round%len(c.nodes)]
		underLoad(t, writers, func(wait func(int)) {
			wait(100)
			require.NoError(t, killed.cmd.Process.Kill())
			wait(100)
		})
		<-killed.logEnded
		require.Error(t, killed.cmd.Wait())
		require.Contains(t, killed.log.String(), "method=PUT", "the node was in use")
		c.requireEachChangeOnce(t, writers)
		if t.Failed() {
			return
		}
		unanswered, found, acknowledged = 0, 0, 0
		for _, w := range writers {
			unanswered, found, acknowledged = unanswered+w.unanswered, found+w.found, acknowledged+w.acknowledged
		}
		c.nodes[round%len(c.nodes)] = c.startNode(t)
		c.nginx.Reload(t, c.addresses()...)
	}
	t.Logf("%d changes were acknowledged, %d were not answered, of which %d were made", acknowledged, unanswered, found)
}

// All nodes are restarted as the manual says, while eight clients write through nginx. No request fails.
func TestRollingRestartOnPostgres(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	writers := c.newWriters(t, 8)
	underLoad(t, writers, func(wait func(int)) {
		wait(100)
		for i, node := range c.nodes {
			c.nginx.Reload(t, c.addresses(node)...)
			code, log := node.signalAndWait(t, syscall.SIGTERM)
			require.Zero(t, code, log)
			require.Contains(t, log, "method=PUT", "the node was in use")
			c.nodes[i] = c.startNode(t)
			c.nginx.Reload(t, c.addresses()...)
			apitest.WaitFor(func() bool { return strings.Contains(c.nodes[i].log.String(), "method=PUT") || t.Failed() })
		}
		wait(100)
	})
	c.requireNoFailure(t, writers)
}

// A server on SQLite is replaced by another one on the same database, and back, as the manual says, while
// eight clients write through nginx. No request fails.
func TestReplaceServerOnSQLite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := (&cluster{driver: "sqlite3", database: dir + "/userapi.db", dir: dir}).start(t, 1)
	writers := c.newWriters(t, 8)
	underLoad(t, writers, func(wait func(int)) {
		for range 2 {
			wait(100)
			c.nodes = append(c.nodes, c.startNode(t))
			c.nginx.Reload(t, c.addresses(c.nodes[0])...)
			apitest.WaitFor(func() bool { return strings.Contains(c.nodes[1].log.String(), "method=PUT") || t.Failed() })
			code, log := c.nodes[0].signalAndWait(t, syscall.SIGTERM)
			require.Zero(t, code, log)
			c.nodes = c.nodes[1:]
			c.nginx.Reload(t, c.addresses()...)
		}
		wait(100)
	})
	c.requireNoFailure(t, writers)
}

// requireNoFailure fails unless all requests of the writers were answered, and each change was made once.
func (c *cluster) requireNoFailure(t *testing.T, writers []*versionWriter) {
	t.Helper()
	c.requireEachChangeOnce(t, writers)
	acknowledged := 0
	for _, w := range writers {
		require.Zero(t, w.unanswered)
		acknowledged += w.acknowledged
	}
	t.Logf("%d changes were acknowledged, and as many reads; none failed", acknowledged)
}
