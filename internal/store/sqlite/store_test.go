package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"userapi/internal/directory"
	"userapi/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMigrateMakesAPrivateFile(t *testing.T) {
	// The name has each character that means something in a URI.
	path := filepath.Join(t.TempDir(), "a b?c=d#e%41&f.db")
	version, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no other file is left")

	again, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	require.Equal(t, version, again)
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, db.Ready(t.Context()))
	require.NoError(t, db.Close())
}

// The changelog says which schema the newest version has, because an older userapi refuses it.
func TestChangelogNamesTheSchema(t *testing.T) {
	changelog, err := os.ReadFile("../../../.github/CHANGELOG.md")
	require.NoError(t, err)
	named := regexp.MustCompile(`The schema is (\d+)`).FindSubmatch(changelog)
	require.NotNil(t, named)
	version, err := sqlite.Migrate(t.Context(), filepath.Join(t.TempDir(), "userapi.db"), sqlite.Options{})
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(version), string(named[1]), "the changelog does not name the newest schema")
	require.EqualValues(t, version, sqlite.NewestSchema)
}

// The names and phones that an older program has stored are found.
func TestMigrationFoldsUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	require.NoError(t, sqlite.MigrateTo(t.Context(), path, 1))
	require.NoError(t, execStatements(t, path,
		`INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, phone, create_time) VALUES
			(1, 'a', 'a', 'e', 'user', 'BÜRO Weiß', 0), (1, 'ꭰ', 'Ꭰ', 'e', 'user', '', 0)`))
	_, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	filter := directory.UserFilter{Roles: []directory.Role{directory.RoleUser}, Text: "büro WEISS"}
	users, total, err := db.Users(t.Context(), filter, directory.Page{Number: 1, Size: 10})
	require.NoError(t, err)
	require.EqualValues(t, 1, total)
	require.Equal(t, "a", users[0].NickName)
	filter.Text = "Ꭰ"
	_, total, err = db.Users(t.Context(), filter, directory.Page{Number: 1, Size: 10})
	require.NoError(t, err)
	require.EqualValues(t, 1, total)
	_, total, err = db.Users(t.Context(), directory.UserFilter{}, directory.Page{Number: 1, Size: 10})
	require.NoError(t, err)
	require.Zero(t, total, "the zero filter selects no users")
}

// Names that fold alike since schema 8 do not stop a migration. One user gets the new fold, the one
// with the lowest number if nobody has it already, and the others keep theirs.
func TestMigrationKeepsNamesApart(t *testing.T) {
	const fullwidth = "\uff41\uff44\uff41"
	for _, schema := range []int64{1, 7} {
		path := filepath.Join(t.TempDir(), "userapi.db")
		require.NoError(t, sqlite.MigrateTo(t.Context(), path, schema))
		type user struct{ enterprise, name, folded string }
		users := []user{
			{"wide-first", fullwidth, fullwidth},
			{"wide-first", "Ada", "ada"},
			{"wide-last", "Ada", "ada"},
			{"wide-last", fullwidth, fullwidth},
			{"two-wide", "\uff21da", "\uff41da"},
			{"two-wide", "a\uff44a", "a\uff44a"},
			{"one", "\uff21da", "\uff41da"},
		}
		for _, u := range users {
			require.NoError(t, execStatements(t, path, fmt.Sprintf(`INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, phone, create_time)
				VALUES (1, '%s', '%s', '%s', 'user', '', 0)`, u.name, u.folded, u.enterprise)))
		}
		version, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
		require.NoError(t, err)
		require.EqualValues(t, 9, version)
		db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		require.NoError(t, err)
		for id, u := range users {
			account, err := db.Account(t.Context(), directory.LogInName{EnterpriseID: u.enterprise, NickName: u.name})
			require.NoError(t, err)
			require.EqualValues(t, id+1, account.User.ID, "%+q of %s", u.name, u.enterprise)
		}
		for enterprise, id := range map[string]directory.UserID{"wide-first": 2, "wide-last": 3, "two-wide": 5, "one": 7} {
			account, err := db.Account(t.Context(), directory.LogInName{EnterpriseID: enterprise, NickName: "ADA"})
			require.NoError(t, err)
			require.Equal(t, id, account.User.ID, enterprise)
		}
		require.NoError(t, db.Close())
	}
}

func TestConcurrentMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	const servers = 8
	results := make(chan error, servers)
	for range servers {
		go func() {
			_, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
			results <- err
		}()
	}
	for range servers {
		require.NoError(t, <-results)
	}
}

// A start that waits for another's migration stops when its context ends.
func TestMigrateStopsWaiting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sqlite.Migrate(ctx, path, sqlite.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestSchemaOfAnotherVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, "there is no database at "+path)

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, "run 'userapi migrate'")

	newest, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, execStatements(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`))
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, fmt.Sprintf("schema 99999 and this userapi knows %d: run a newer userapi", newest))
	_, err = sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, "run a newer userapi")
}

func TestForeignFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	require.NoError(t, os.WriteFile(path, []byte("This is a letter, and a long one."), 0o600))
	_, err := sqlite.Migrate(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, "not a database")
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	require.ErrorContains(t, err, "not a database")
	_, err = sqlite.Migrate(t.Context(), filepath.Join(path, "below"), sqlite.Options{})
	require.Error(t, err)
}

func TestPath(t *testing.T) {
	for database, want := range map[string]string{
		"userapi.db":             "userapi.db",
		"sqlite:userapi.db":      "userapi.db",
		"sqlite:/var/lib/u/u.db": "/var/lib/u/u.db",
		"./odd:name":             "odd:name",
		"//tmp//x.db":            "/tmp/x.db",
		"":                       "",
		"sqlite:":                "",
		":memory:":               "",
		"file:userapi.db":        "",
		"postgres://u:p@host/db": "",
		"mysql://u:p@host/db":    "",
		"postgres:/u:p@host/db":  "",
		"Postgresql:u:p@host/db": "",
		"host=h password=p":      "",
		"sqlite:host=h":          "host=h",
	} {
		path, err := sqlite.Path(database)
		require.Equal(t, want, path, database)
		require.Equal(t, want == "", err != nil, database)
		if err != nil {
			require.NotContains(t, err.Error(), "u:p", "the setting may contain a password")
		}
	}
}
