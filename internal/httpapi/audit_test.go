package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/httpapi/apitest"
)

// The audit has one row for a change, in the words of the contract, without values.
func TestAudit(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	changed := s.Send(t, "PUT", "/openapi/v1/users/2", `{"enterprise_id":"other","phone":"1","is_active":null}`)
	require.Equal(t, 200, changed.Status)
	require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", `{}`).Status)
	require.Equal(t, 422, s.Send(t, "PUT", "/openapi/v1/users/2", `[]`).Status)
	require.Equal(t, 412, s.Send(t, "PUT", "/openapi/v1/users/2", `{"phone":"2"}`, `If-Match: "1"`).Status)
	s.TokenOf(t, 2)
	require.NoError(t, s.Service.RevokeToken(t.Context(), tokenID(t, s, 2)))
	db := s.SQL(t)
	row := `SELECT concat_ws('|', coalesce(actor_id, '-'), token_name, target_id, enterprise_id, operation, fields, request_id)
		FROM events ORDER BY id LIMIT 1 OFFSET ?`
	require.Equal(t, "-||1|default|createUser|nick_name,enterprise_id,is_active,role|", apitest.Value(t, db, row, 0))
	require.Equal(t, "-||1|default|createToken||", apitest.Value(t, db, row, 1))
	require.Regexp(t, `^1\|first start\|2\|default\|createUser\|nick_name,password,enterprise_id,is_active\|[A-Z2-7]{26}$`, apitest.Value(t, db, row, 2))
	require.Equal(t, "1|first start|2|default|updateUser|enterprise_id,phone,is_active|"+changed.Header.Get("X-Request-Id"), apitest.Value(t, db, row, 3))
	require.Equal(t, "-||2|other|createToken||", apitest.Value(t, db, row, 4))
	require.Equal(t, "-||2|other|revokeToken||", apitest.Value(t, db, row, 5))
	require.Equal(t, "6", apitest.Value(t, db, `SELECT count(*) FROM events`))
	require.Equal(t, "6", apitest.Value(t, db, `SELECT count(*) FROM events WHERE at / 1000000 BETWEEN unixepoch() - 60 AND unixepoch()`))

	full := s.Send(t, "POST", "/openapi/v1/users", newUser+`,"email":"bob@example.com","phone":"1","is_active":false,"origion":"x"}`)
	require.Equal(t, 201, full.Status)
	require.Contains(t, apitest.Value(t, db, row, 6), "|createUser|nick_name,password,enterprise_id,email,phone,is_active,origion|")
}
