package sqlite_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
	"userapi/internal/store/sqlite"
	"userapi/internal/store/storetest"
)

// requireCounts fails unless user_counts agrees with users.
func requireCounts(t storetest.TB, db *sql.DB) {
	want := queryRows(t, db, `
		SELECT enterprise_id, id >> 12 AS block, role, COUNT(*) FROM users GROUP BY 1, 2, 3 UNION ALL
		SELECT '', id >> 12 AS block, role, COUNT(*) FROM users GROUP BY 2, 3 ORDER BY 1, 2, 3`)
	require.Equal(t, want, queryRows(t, db, `SELECT * FROM user_counts ORDER BY 1, 2, 3`))
}

// Migration 5 counts the users that exist, and migration 6 indexes the events.
func TestMigrationCountsUsersAndIndexesEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	require.NoError(t, sqlite.MigrateTo(t.Context(), path, 4))
	db, err := sql.Open("sqlite3", "file:"+path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, values := range [][]any{{1, 9000, 1, ""}, {40_000, 80_000, 2801, "e"}} {
		_, err := db.ExecContext(t.Context(), addUsers, values...)
		require.NoError(t, err)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO events VALUES (7, 1, 3, 'n', 2, 'e', 'updateUser', 'phone', 'r')`)
	require.NoError(t, err)
	_, err = sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	requireCounts(t, db)
	require.Equal(t, []string{"7 1 3 n 2 e updateUser phone r"}, queryRows(t, db, `SELECT * FROM events`), "no event is lost")
	require.Equal(t, []string{"2 7"}, queryRows(t, db, `SELECT * FROM event_targets`), "they are in the event index")
	require.Equal(t, []string{"7"}, queryRows(t, db, `SELECT indexed FROM event_progress`))
	require.Len(t, queryRows(t, db, `SELECT * FROM user_counts WHERE enterprise_id = '' AND role = 'user'`), 13)
}

// Lists and changes find rows by an index and in order: no query scans a table, and none sorts.
func TestListsAndChangesUseIndexes(t *testing.T) {
	db, other := openTwice(t)
	_, err := other.ExecContext(t.Context(), addUsers, 1, 5000, 1, "")
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), `UPDATE users SET is_active = 1 WHERE id = 300`)
	require.NoError(t, err)
	var plans []string
	require.NoError(t, db.OnRead(func(statement string, values []any) {
		for _, step := range queryRows(t, other, "EXPLAIN QUERY PLAN "+statement, values...) {
			plans = append(plans, strings.Join(strings.Fields(step)[3:], " "))
		}
	}))
	// requirePlans fails unless the statements of read use this search.
	requirePlans := func(found string, read func() error) {
		plans = nil
		require.NoError(t, read())
		all := strings.Join(plans, "\n")
		t.Log("\n" + all)
		require.Contains(t, all, "SEARCH "+found)
		for _, slow := range []string{"TEMP B-TREE", "SCAN users", "SCAN user_counts", "SCAN events", "AUTOMATIC"} {
			require.NotContains(t, all, slow)
		}
	}
	administrator := []directory.Role{directory.RoleAdministrator}
	for found, filter := range map[string]directory.UserFilter{
		"users USING INTEGER PRIMARY KEY (rowid>?)": {
			Roles: directory.Roles(),
		},
		"users USING INDEX users_enterprise (enterprise_id=? AND rowid>?)": {
			EnterpriseID: "enterprise-3", Roles: []directory.Role{directory.RoleUser, directory.RoleAdministrator},
		},
		"users USING INDEX users_all_administrators (id>?)": {
			Roles: administrator,
		},
		"users USING INDEX users_administrators (enterprise_id=? AND rowid>?)": {
			EnterpriseID: "enterprise-3", Roles: administrator,
		},
	} {
		requirePlans(found, func() error {
			users, _, err := db.Users(t.Context(), filter, directory.Page{Number: 1, Size: 10})
			require.NotEmpty(t, users)
			return err
		})
		requirePlans(found, func() error {
			page, _, err := db.Users(t.Context(), filter, directory.Page{Number: 1, Size: 10})
			require.NoError(t, err)
			middle := len(page) / 2
			last := directory.UserID(0)
			if middle > 0 {
				last = page[middle-1].ID
			}
			users, err := db.UsersAfter(t.Context(), filter, last, len(page)-middle)
			require.NotEmpty(t, users)
			require.Equal(t, page[middle:], users)
			return err
		})
	}
	requirePlans("user_counts USING PRIMARY KEY (enterprise_id=?)", func() error {
		_, _, err := db.Users(t.Context(), directory.UserFilter{Roles: directory.Roles()}, directory.Page{Number: 51, Size: 100})
		require.Len(t, plans, 1, "a page after the last one reads only the counts")
		return err
	})
	facts, err := db.Facts(t.Context(), directory.Operator(), 300)
	require.NoError(t, err)
	requirePlans("users USING INDEX users_administrators (enterprise_id=?)", func() error {
		last, err := facts.LastAdministrator()
		require.True(t, last)
		return err
	})
	for found, target := range map[string]directory.UserID{
		"events USING INTEGER PRIMARY KEY (rowid>?)":                   0,
		"event_targets USING PRIMARY KEY (target_id=? AND event_id>?)": 300,
	} {
		requirePlans(found, func() error {
			_, err := db.EventsAfter(t.Context(), target, 1, 10)
			return err
		})
	}
	requirePlans("event_targets USING PRIMARY KEY (target_id=? AND event_id>?)", func() error {
		_, _, err := db.Events(t.Context(), directory.EventFilter{TargetID: 300}, directory.Page{Number: 1, Size: 10})
		return err
	})
}

// BenchmarkUsers measures pages of lists. The time of a page depends neither on the number of
// users nor on the number before the page.
func BenchmarkUsers(b *testing.B) {
	for users, pages := range map[int][]int64{1000: {1, 100}, 100_000: {1, 1000, 10_000}} {
		db, other := openTwice(b)
		_, err := other.ExecContext(b.Context(), addUsers, 1, users, 1, "one")
		require.NoError(b, err)
		for name, filter := range map[string]directory.UserFilter{
			"everyone":   {Roles: directory.Roles()},
			"enterprise": {EnterpriseID: "one", Roles: []directory.Role{directory.RoleUser, directory.RoleAdministrator}},
		} {
			for _, page := range pages {
				b.Run(fmt.Sprintf("users=%d/%s/page=%d", users, name, page), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						_, _, err := db.Users(b.Context(), filter, directory.Page{Number: page, Size: 10})
						require.NoError(b, err)
					}
				})
			}
		}
	}
}
