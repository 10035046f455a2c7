package store

import (
	"database/sql/driver"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// A user with every field filled survives the row; so does one with none.
func TestUserRoundTrip(t *testing.T) {
	text, active := "text", false
	full := directory.User{
		ID: 7, Version: 3, NickName: "Ada", EnterpriseID: "default", Role: directory.RoleUser,
		Email: &text, Phone: "1", IsActive: &active, Origion: &text,
		CreateTime: time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC), ClientIP: netip.MustParseAddr("2001:db8::1"),
	}
	for _, value := range []any{full, newUser(full, "hash"), newToken(directory.NewToken{
		Token: directory.Token{UserID: 1, Name: "n", Kind: directory.TokenMade, Created: full.CreateTime, Expires: full.CreateTime},
	})} {
		for i := range reflect.ValueOf(value).NumField() {
			if name := reflect.TypeOf(value).Field(i).Name; name != "ID" {
				require.False(t, reflect.ValueOf(value).Field(i).IsZero(), "%T.%s", value, name)
			}
		}
	}
	for _, u := range []directory.User{full, {ID: 1, CreateTime: time.Unix(0, 0).UTC()}} {
		back, err := newUser(u, "").user()
		require.NoError(t, err)
		require.Equal(t, u, back)
	}
	broken := "no address"
	_, err := User{ClientIP: &broken}.user()
	require.Error(t, err)
}

// An event with every field filled survives the row.
func TestEventRoundTrip(t *testing.T) {
	s := openStore(t)
	full := directory.Event{
		ID: 1, At: time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC), ActorID: 7, TokenName: "n", TargetID: 8, EnterpriseID: "e",
		Operation: directory.OperationUpdateUser, Fields: []directory.Field{directory.FieldPhone, directory.FieldRole}, RequestID: "r",
	}
	for i := range reflect.ValueOf(full).NumField() {
		require.False(t, reflect.ValueOf(full).Field(i).IsZero(), reflect.TypeOf(full).Field(i).Name)
	}
	least := directory.Event{ID: 2, At: time.Unix(0, 0).UTC()}
	for _, e := range []directory.Event{full, least} {
		require.NoError(t, s.writer.Write(t.Context(), func(tx session) error { return insertEvent(tx, e) }))
	}
	events, total, err := s.Events(t.Context(), directory.EventFilter{}, directory.Page{Number: 1, Size: 10})
	require.NoError(t, err)
	require.EqualValues(t, 2, total)
	require.Equal(t, []directory.Event{full, least}, events)
}

// A setting that did not take is a refusal to run.
func TestSettingsAreReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := Migrate(t.Context(), path)
	require.NoError(t, err)
	for pragma, parameter := range map[string]string{
		"journal_mode": "_journal_mode", "synchronous": "_synchronous",
		"foreign_keys": "_foreign_keys", "busy_timeout": "_busy_timeout",
	} {
		a := readWrite(path)
		switch a.parameters.Set(parameter, "0"); pragma {
		case "journal_mode":
			a.parameters.Set(parameter, "DELETE")
		case "synchronous":
			a.parameters.Set(parameter, "NORMAL")
		}
		_, err := a.openConnection(t.Context())
		require.ErrorContains(t, err, "PRAGMA "+pragma)
		pool := a.openPool(1)
		require.ErrorContains(t, pool.PingContext(t.Context()), "PRAGMA "+pragma)
		require.NoError(t, pool.Close())
	}
}

// openStore opens an empty database.
func openStore(t *testing.T) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "userapi.db")
	_, err := Migrate(t.Context(), path)
	require.NoError(t, err)
	s, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// 200 means on disk: the writer waits for fsync (2 is FULL), and holds the write lock
// from the first statement of a batch on.
func TestWriterSettings(t *testing.T) {
	s := openStore(t)
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
		for pragma, want := range map[string]any{
			"journal_mode": "wal", "synchronous": int64(2), "foreign_keys": int64(1), "busy_timeout": int64(2000),
		} {
			require.NoError(t, tx.prepared.queryRow("PRAGMA "+pragma, func(values []driver.Value) { require.Equal(t, want, values[0], pragma) }))
		}
		path := ""
		require.NoError(t, tx.gorm.Raw("SELECT file FROM pragma_database_list").Scan(&path).Error)
		other := readWrite(path)
		other.parameters.Set("_busy_timeout", "0")
		other.pragmas["busy_timeout"] = "0"
		c, err := other.openConnection(t.Context())
		require.NoError(t, err)
		require.True(t, directory.IsCode(translate(c.exec("BEGIN IMMEDIATE")), directory.CodeUnavailable))
		return c.close()
	}))
}

// What reads cannot write.
func TestReadersCannotWrite(t *testing.T) {
	s := openStore(t)
	for _, session := range []session{s.readSession, s.scanSession} {
		require.ErrorContains(t, session.prepared.exec(`DELETE FROM users`), "readonly")
		require.ErrorContains(t, session.gorm.Exec(`DELETE FROM users`).Error, "readonly")
	}
}
