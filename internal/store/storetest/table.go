package storetest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// insert stores a row like another program.
func (db Database) insert(t *testing.T, table string, row map[string]any) error {
	t.Helper()
	columns := slices.Sorted(maps.Keys(row))
	values, places := make([]any, len(columns)), make([]string, len(columns))
	for i, column := range columns {
		values[i], places[i] = row[column], fmt.Sprint("$", i+1)
	}
	_, err := db.SQL.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), strings.Join(places, ", ")), values...)
	return err
}

// with returns the row with another value in one column.
func with(row map[string]any, column string, value any) map[string]any {
	row = maps.Clone(row)
	row[column] = value
	return row
}

// The tables refuse rows that the directory could not have made.
func tablesRefuseImpossibleRows(t *testing.T, db Database) {
	user := map[string]any{
		"version": 1, "nick_name": "b", "nick_name_folded": "b", "enterprise_id": "e", "role": "user", "phone": "", "create_time": 0,
	}
	require.NoError(t, db.insert(t, "users", with(with(user, "nick_name_folded", "a"), "id", 7)))
	long := func(n int) string { return strings.Repeat("x", n) }
	for column, values := range map[string][]any{
		"id":               {0, 7, 2147483648},
		"version":          {0, nil},
		"nick_name":        {"", long(65), nil},
		"nick_name_folded": {"a", nil},
		"enterprise_id":    {"", "e/f", "é", "ı", "İ", "e\n", long(65), nil},
		"role":             {"root", "User", nil},
		"password_hash":    {"secret", ""},
		"email":            {"x", long(255)},
		"phone":            {nil, long(33)},
		"is_active":        {2, "null"},
		"origion":          {long(33)},
		"create_time":      {nil},
	} {
		for _, value := range values {
			require.Error(t, db.insert(t, "users", with(user, column, value)), "%s = %v", column, value)
		}
	}
	require.NoError(t, db.insert(t, "users", user))

	token := map[string]any{"user_id": 7, "name": "x", "created": 0, "kind": "made", "hash": bytes.Repeat([]byte{1}, 32)}
	require.NoError(t, db.insert(t, "tokens", token))
	token["hash"] = bytes.Repeat([]byte{2}, 32)
	for column, values := range map[string][]any{
		"user_id": {8888, nil},
		"name":    {"", long(65), nil},
		"kind":    {"other", nil},
		"hash":    {bytes.Repeat([]byte{1}, 32), make([]byte, 31), make([]byte, 33), nil},
		"created": {nil},
	} {
		for _, value := range values {
			require.Error(t, db.insert(t, "tokens", with(token, column, value)), "%s = %v", column, value)
		}
	}
	require.NoError(t, db.insert(t, "tokens", token))
}
