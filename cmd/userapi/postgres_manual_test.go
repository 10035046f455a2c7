package main

import (
	"os"
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
	s, err := postgres.Open(t.Context(), address)
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
