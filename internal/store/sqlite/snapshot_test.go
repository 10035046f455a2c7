package sqlite_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/schema"

	"userapi/internal/store"
)

// A snapshot must have a table or a column that is new. If it is not to be copied, name it here.
func TestSnapshotLeavesNothingOut(t *testing.T) {
	_, db := openTwice(t)
	models := map[string]any{
		"users": &store.User{}, "tokens": &store.Token{}, "events": &store.Event{},
		"user_counts": nil, "event_targets": nil, "event_progress": nil, // PostgreSQL needs none
		"identity": nil, "goose_db_version": nil, // of the file
		"sqlite_sequence": nil, // store.Size has it
	}
	names := func(from string, arguments ...any) []string {
		t.Helper()
		found := ""
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT group_concat(name) FROM `+from, arguments...).Scan(&found))
		return strings.Split(found, ",")
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(models)), names(`sqlite_schema WHERE type = 'table'`))
	for table, model := range models {
		if model == nil {
			continue
		}
		parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
		require.NoError(t, err)
		require.ElementsMatch(t, parsed.DBNames, names(`pragma_table_info(?)`, table), table)
	}
}
