package httpapi_test

import (
	"testing"

	"userapi/internal/apitest"
)

// insertUser makes user 2, ada, without the server: where hashing is held or fails.
// The state is written as SQL.
func insertUser(t *testing.T, db *apitest.Conn, isActive string) {
	t.Helper()
	apitest.Exec(t, db, `INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, phone, is_active, create_time)
		VALUES (1, 'ada', 'ada', 'default', 'user', '1', `+isActive+`, 0)`)
}
