package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// crashed returns the files of a database as a server leaves them that is killed: the names are in
// the log.
func crashed(t *testing.T, names ...string) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "userapi.db")
	s, closeStore := openAt(t, path)
	defer closeStore()
	require.NoError(t, s.writer.connection.exec("PRAGMA wal_checkpoint(TRUNCATE)"))
	addPeople(t, s, names...)
	files := readFolder(t, filepath.Dir(path))
	require.NotEmpty(t, files["userapi.db-wal"])
	return files
}

var allSteps = []string{stepKeep, stepKeepLog, stepRemoveLog, stepReplace}

// oldDatabases are databases to replace. A damaged one has a log that does not belong to it.
func oldDatabases(t *testing.T) map[string]map[string]string {
	whole, foreign := crashed(t, "ada", "bob"), crashed(t, "eve")
	damaged := map[string]string{"userapi.db": foreign["userapi.db"], "userapi.db-wal": whole["userapi.db-wal"]}
	return map[string]map[string]string{
		"crashed": whole,
		"damaged": damaged,
		"garbage": {"userapi.db": "garbage", "userapi.db-wal": "rubbish"},
		"missing": {"userapi.db-wal": whole["userapi.db-wal"]},
	}
}

func newBackup(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "userapi.db")
	s, closeStore := openAt(t, path)
	defer closeStore()
	addPeople(t, s, names...)
	return backUp(t, path)
}

// If a step of a restore fails, the old database is at its path with all that its log holds, and
// nothing is left of the new one.
func TestFailedRestoreChangesNothing(t *testing.T) {
	backup := newBackup(t, "new")
	for name, files := range oldDatabases(t) {
		for _, failing := range allSteps {
			folder, failure, reached := writeFolder(t, files), errors.New("the disk is gone"), false
			path := filepath.Join(folder, "userapi.db")
			_, err := Restore(t.Context(), path, backup, RestoreOptions{Replace: true, beforeStep: func(step string) error {
				if step != failing {
					return nil
				}
				reached = true
				return failure
			}})
			if !reached {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, failure, "%s, %s", name, failing)
			entries, err := os.ReadDir(folder)
			require.NoError(t, err)
			for _, entry := range entries {
				require.NotContains(t, entry.Name(), "replaced", "%s, %s", name, failing)
				require.NotContains(t, entry.Name(), "tmp", "%s, %s", name, failing)
			}
			if name == "crashed" {
				require.Equal(t, "ada bob", namesAt(t, path))
				continue
			}
			left := readFolder(t, folder)
			delete(left, "userapi.db-shm") // an index of the log, which every reader makes again
			require.True(t, maps.Equal(files, left), "%s, %s", name, failing)
		}
	}
}

// Whenever a restore ends, the old database or the new one is at the path as a whole.
func TestRestoreThatIsKilledLeavesOneDatabase(t *testing.T) {
	backup := newBackup(t, "new")
	folder, old := writeFolder(t, crashed(t, "ada", "bob")), 0
	path := filepath.Join(folder, "userapi.db")
	check := func(want ...string) {
		at := filepath.Join(writeFolder(t, readFolder(t, folder)), "userapi.db")
		require.Contains(t, want, namesAt(t, at))
		_, err := Migrate(t.Context(), at, Options{})
		require.NoError(t, err)
		require.Contains(t, want, namesAt(t, at))
	}
	done, err := Restore(t.Context(), path, backup, RestoreOptions{Replace: true, beforeStep: func(string) error {
		check("ada bob")
		old++
		return nil
	}})
	require.NoError(t, err)
	require.Equal(t, 2, old)
	check("new")
	require.Equal(t, "ada bob", namesAt(t, done.KeptAs))
}

// A log that does not belong to the file is not backed up, and nothing changes.
func TestForeignLogIsNotBackedUp(t *testing.T) {
	files := oldDatabases(t)["damaged"]
	folder := writeFolder(t, files)
	_, _, err := Backup(t.Context(), filepath.Join(folder, "userapi.db"), filepath.Join(folder, "backup.db"), nil)
	require.ErrorContains(t, err, "does not belong to")
	left := readFolder(t, folder)
	delete(left, "userapi.db-shm")
	require.True(t, maps.Equal(files, left))
}

// What cannot be read is kept, too: the file, and its log under the name that belongs to it.
func TestDamagedDatabaseIsKeptWithItsLog(t *testing.T) {
	backup := newBackup(t, "new")
	for name, files := range oldDatabases(t) {
		if name == "crashed" {
			continue
		}
		folder := writeFolder(t, files)
		path := filepath.Join(folder, "userapi.db")
		var log bytes.Buffer
		now := time.Date(2026, 11, 26, 8, 15, 0, 0, time.UTC)
		require.NoError(t, os.WriteFile(path+".replaced-20261126T081500Z-wal", nil, 0o600))
		done, err := Restore(t.Context(), path, backup, RestoreOptions{
			Options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, Replace: true, Now: now,
		})
		require.NoError(t, err, name)
		require.Equal(t, path+".replaced-20261126T081500Z.2", done.KeptAs)
		require.Equal(t, "new", namesAt(t, path))
		left := readFolder(t, folder)
		require.True(t, files["userapi.db"] == left["userapi.db.replaced-20261126T081500Z.2"], name)
		require.True(t, files["userapi.db-wal"] == left["userapi.db.replaced-20261126T081500Z.2-wal"], name)
		require.Equal(t, name != "missing", strings.Contains(log.String(), "level=WARN"), log.String())
	}
}

// A number or a version of the replaced database never comes back with another meaning.
func TestNumbersAndVersionsGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	s, closeStore := openAt(t, path)
	addPeople(t, s, "same", "changed", "undone", "deleted", "other")
	backup := backUp(t, path)
	execSQL(t, s, `
		UPDATE users SET version = 4, phone = '1' WHERE nick_name = 'changed';
		UPDATE users SET version = 3 WHERE nick_name = 'undone';
		UPDATE users SET phone = '2' WHERE nick_name = 'other'`)
	addPeople(t, s, "later", "last")
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
		for range 3 {
			if err := insertEvent(tx, directory.Event{At: time.Now(), TargetID: 5, EnterpriseID: "default"}); err != nil {
				return err
			}
		}
		return tx.gorm.Exec(`DELETE FROM users WHERE nick_name IN ('deleted', 'last')`).Error
	}))
	closeStore()

	done, err := Restore(t.Context(), path, backup, RestoreOptions{Replace: true, Now: time.Now()})
	require.NoError(t, err)
	require.EqualValues(t, 4, done.Raised)
	require.EqualValues(t, 8, done.LastUser)
	s, closeStore = openAt(t, path)
	versions := map[string]int64{}
	for id := range directory.UserID(5) {
		user, err := s.User(t.Context(), id+2)
		require.NoError(t, err)
		versions[user.NickName] = user.Version
	}
	require.Equal(t, map[string]int64{"same": 1, "changed": 5, "undone": 4, "deleted": 5, "other": 2}, versions)
	require.EqualValues(t, 9, insertHolder(t, s, "next", directory.TokenHash{9}))
	tokens, err := s.Tokens(t.Context(), 9)
	require.NoError(t, err)
	require.EqualValues(t, 8, tokens[0].ID)

	// A database without users goes on past the replaced one, too.
	empty := newBackup(t)
	closeStore()
	_, err = Restore(t.Context(), path, empty, RestoreOptions{Replace: true, Now: time.Now()})
	require.NoError(t, err)
	s, _ = openAt(t, path)
	require.EqualValues(t, 10, insertHolder(t, s, "next", directory.TokenHash{9}))
}

// A backup has an identity of its own, and the restored database has another one, so that no log
// ever belongs to both.
func TestCopiesHaveIdentitiesOfTheirOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	openAt(t, path)
	backup := backUp(t, path)
	restored := filepath.Join(t.TempDir(), "userapi.db")
	_, err := Restore(t.Context(), restored, backup, RestoreOptions{})
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, at := range []string{path, backup, restored} {
		require.NoError(t, withConnection(t.Context(), withLog(at), func(c *connection) error {
			id, err := readIdentity(c)
			seen[id.current], seen[id.previous] = true, true
			return err
		}))
	}
	require.Len(t, seen, 6)
}

// The backup that a migration keeps is restored like any other one.
func TestOldSchemaIsRestored(t *testing.T) {
	for _, schema := range []int64{1, 6} {
		path := filepath.Join(t.TempDir(), "userapi.db")
		require.NoError(t, MigrateTo(t.Context(), path, schema))
		_, err := Migrate(t.Context(), path, Options{KeepBackup: true})
		require.NoError(t, err)
		done, err := Restore(t.Context(), path, fmt.Sprintf("%s.schema-%d", path, schema), RestoreOptions{Replace: true})
		require.NoError(t, err)
		require.Equal(t, schema, done.Schema)
		version, err := Migrate(t.Context(), path, Options{})
		require.NoError(t, err)
		require.EqualValues(t, 9, version)
	}
}

// A backup that changes while it is read, and a database that changes while it is about to be
// replaced, end a restore.
func TestRestoreNoticesChanges(t *testing.T) {
	backup := newBackup(t, "new")
	touch := func(path string) {
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)))
	}
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := Restore(t.Context(), path, backup, RestoreOptions{Progress: func(step string, _, _ int64) {
		if step == "copying" {
			touch(backup)
		}
	}})
	require.ErrorContains(t, err, "it changed while it was read")
	require.Empty(t, readFolder(t, filepath.Dir(path)))

	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
	logger := slog.New(onLog{slog.DiscardHandler, func() { touch(path) }})
	_, err = Restore(t.Context(), path, backup, RestoreOptions{Options: Options{Logger: logger}, Replace: true})
	require.ErrorContains(t, err, "another process has changed")
	require.Equal(t, map[string]string{"userapi.db": "garbage"}, readFolder(t, filepath.Dir(path)))
}

// onLog is a handler that calls a function for each line.
type onLog struct {
	slog.Handler
	do func()
}

func (onLog) Enabled(context.Context, slog.Level) bool { return true }

func (h onLog) Handle(context.Context, slog.Record) error {
	h.do()
	return nil
}
