package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

func TestMigrateCreatesTheDatabaseOnce(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		stdout, stderr, code := runCommand(t, dir, nil, "migrate", "--database=x.db")
		require.Equal(t, 0, code, stderr)
		require.Regexp(t, `^x\.db has schema \d+\n$`, stdout)
	}
}

// migrate lists the names that no new user could have, and nothing if there are none.
func TestMigrateListsOldNames(t *testing.T) {
	dir := t.TempDir()
	seedUsers(t, dir, 5)
	db := openDatabase(t, dir)
	for id, name := range map[int]string{1: "\uff41da", 2: "Ada", 3: "a\u200bb", 4: "\uff42ob"} {
		_, err := db.ExecContext(t.Context(), `UPDATE users SET nick_name = ?, nick_name_folded = ? WHERE id = ?`, name, directory.FoldCase(name), id)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	stdout, stderr, code := runCommand(t, dir, nil, "migrate")
	require.Equal(t, 0, code, stderr)
	require.Equal(t, `userapi.db has schema 9
These names are older than the rules for names. Their users can still log in and be changed:
user 1, default/"\uff41da": it differs from the name of user 2 only in letter case and width
user 3, default/"a\u200bb": it is not a name of letters and digits in any script, and of visible ASCII characters except / and @
`, stdout)
}
