package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
	"userapi/internal/store/storetest"
)

// Searches use the index that the manual tells the operator to add, for each of the three members.
func TestPostgresUsesTheIndexOfTheManual(t *testing.T) {
	manual, err := os.ReadFile("README.md")
	require.NoError(t, err)
	statements := regexp.MustCompile(`(?m)^CREATE (?:EXTENSION|INDEX).*;$`).FindAllString(string(manual), -1)
	require.Len(t, statements, 2)
	address := storetest.NewPostgres(t)
	executePostgres(t, address, append([]string{
		`INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, email, phone, phone_folded, create_time)
		 SELECT 1, 'user' || n, 'user' || n, 'default', 'user', 'user' || n || '@example.com', '0' || n, '0' || n, 0 FROM generate_series(1, 20000) n`,
		`UPDATE users SET nick_name_folded = 'a needle' WHERE id = 7`,
		`UPDATE users SET email = 'B.Needle@example.com' WHERE id = 8`,
		`UPDATE users SET phone_folded = 'needle' WHERE id = 9`,
		`ANALYZE users`,
	}, statements...)...)
	s, err := postgres.Open(t.Context(), address, postgres.Options{})
	require.NoError(t, err)
	filter := directory.UserFilter{Text: "needle", Roles: directory.Roles()}
	users, total, err := s.Users(t.Context(), filter, directory.Page{Number: 1, Size: 10})
	require.NoError(t, err)
	require.NoError(t, s.Close()) // the server counts the scans of a connection when it has ended
	require.EqualValues(t, 3, total)
	require.Len(t, users, 3)
	require.Eventually(t, func() bool {
		scans := queryPostgres(t, address, "SELECT idx_scan::text FROM pg_stat_user_indexes WHERE indexrelname = 'users_search'")
		return scans == "6" // three members, for the total and for the page
	}, time.Minute, 20*time.Millisecond)
}

// executePostgres runs statements, each by itself.
func executePostgres(t *testing.T, address string, statements ...string) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	for _, statement := range statements {
		_, err := connection.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, connection.Close(t.Context()))
}

// With the setting of the manual, either of two synchronous standbys may fail. If none is left, changes are
// answered 503 and reads go on, until one is back.
func TestPostgresTwoSynchronousStandbys(t *testing.T) {
	manual, err := os.ReadFile("README.md")
	require.NoError(t, err)
	setting := regexp.MustCompile(`(?m)^synchronous_standby_names = ('.*')$`).FindSubmatch(manual)
	require.NotNil(t, setting)
	primary := storetest.NewCluster(t, storetest.ClusterSetup{})
	a, b := primary.NewStandby(t, "cluster_name = 'a'"), primary.NewStandby(t, "cluster_name = 'b'")
	primary.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = "+string(setting[1]), "SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		return queryPostgres(t, primary.SocketAddress("postgres"), "SELECT count(*)::text FROM pg_stat_replication WHERE sync_state = 'quorum'") == "2"
	}, time.Minute, 20*time.Millisecond)

	dir := t.TempDir()
	s := startServer(t, dir, []string{"USERAPI_DATABASE=" + primary.SocketAddress("postgres")})
	token := readToken(t, filepath.Join(dir, "userapi.token"))
	change := func(phone string) int {
		status, _ := s.sendRequest(t, token, "PUT", "/openapi/v1/users/1", `{"phone":"`+phone+`"}`)
		return status
	}
	require.Equal(t, 200, change("1"))
	a.Stop(t, "immediate")
	require.Equal(t, 200, change("2"))
	b.Stop(t, "immediate")
	require.Equal(t, 500, change("3"), "nobody knows whether it is kept")
	status, body := s.sendRequest(t, token, "GET", "/openapi/v1/users/1", "")
	require.Equal(t, 200, status, body)
	a.Start(t)
	require.Eventually(t, func() bool { return change("4") == 200 }, time.Minute, 20*time.Millisecond)
	code, log := s.terminate(t)
	require.Zero(t, code, log)
}
