package sqlite

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// addPeople adds users with these names, with a token and an event each.
func addPeople(t *testing.T, s *Store, names ...string) {
	t.Helper()
	for i, name := range names {
		insertHolder(t, s, name, directory.TokenHash{byte(len(names)), byte(i), name[0]})
		require.NoError(t, s.writer.Write(t.Context(), insertsEvent(name)))
	}
}

// openAt opens the database at path, which it creates if necessary. The store is closed when the
// test ends, unless closeStore is called before.
func openAt(t *testing.T, path string) (s *Store, closeStore func()) {
	t.Helper()
	_, err := Migrate(t.Context(), path, Options{})
	require.NoError(t, err)
	s, err = Open(t.Context(), path, Options{})
	require.NoError(t, err)
	closeOnce := sync.OnceValue(s.Close)
	closeStore = func() { require.NoError(t, closeOnce()) }
	t.Cleanup(closeStore)
	return s, closeStore
}

// backUp writes a backup of the database at path to a new file, and returns its name.
func backUp(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "backup.db")
	_, _, err := Backup(t.Context(), path, to, nil)
	require.NoError(t, err)
	return to
}

// readFolder returns the files of a folder, and nothing for hidden folders.
func readFolder(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
		files[entry.Name()] = string(content)
	}
	return files
}

// writeFolder writes files to a new folder.
func writeFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	return folder
}

// namesAt returns the names of the users in a database, with its log, after a full check.
func namesAt(t *testing.T, path string) string {
	t.Helper()
	require.NoError(t, checkLog(t.Context(), path, slog.New(slog.DiscardHandler)))
	db := withLog(path).openPool(1)
	defer func() { require.NoError(t, db.Close()) }()
	_, err := checkContents(t.Context(), db)
	require.NoError(t, err)
	var names sql.NullString
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT group_concat(nick_name, ' ' ORDER BY id) FROM users`).Scan(&names))
	return names.String
}
