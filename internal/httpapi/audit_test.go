package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// The audit has one row for each change. It has the names of the contract and no values.
func TestAudit(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	changed := s.Send(t, "PUT", ada.Path(), `{"enterprise_id":"other","phone":"1","is_active":null}`)
	require.Equal(t, 200, changed.Status)
	require.Equal(t, 200, s.Send(t, "PUT", ada.Path(), `{}`).Status)
	require.Equal(t, 422, s.Send(t, "PUT", ada.Path(), `[]`).Status)
	require.Equal(t, 412, s.Send(t, "PUT", ada.Path(), `{"phone":"2"}`, `If-Match: "1"`).Status)
	s.CreateToken(t, ada)
	s.RevokeToken(t, ada)
	full := s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob",
		`"email":"bob@example.com"`, `"phone":"1"`, `"is_active":false`, `"origion":"x"`))
	require.Equal(t, 201, full.Status)

	events := s.DB.Events(t)
	lines := make([]string, len(events))
	for i, e := range events {
		s.RequireRecent(t, e.At)
		lines[i] = fmt.Sprintf("%d|%s|%d|%s|%s|%s|%s", e.ActorID, e.TokenName, e.TargetID, e.EnterpriseID, e.Operation, e.Fields, e.RequestID)
	}
	require.Regexp(t, `^[A-Z2-7]{26}$`, events[2].RequestID)
	require.Equal(t, []string{
		"0||1|default|createUser|[nick_name enterprise_id is_active role]|",
		"0||1|default|createToken|[]|",
		"1|first start|2|default|createUser|[nick_name password enterprise_id is_active]|" + events[2].RequestID,
		"1|first start|2|default|updateUser|[enterprise_id phone is_active]|" + changed.Header.Get("X-Request-Id"),
		"0||2|other|createToken|[]|",
		"0||2|other|revokeToken|[]|",
		"1|first start|3|default|createUser|[nick_name password enterprise_id email phone is_active origion]|" + full.Header.Get("X-Request-Id"),
	}, lines)
}

// The audit names each member that createUser or updateUser was sent.
func TestAuditNamesEveryMember(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		if op.OperationID != "createUser" && op.OperationID != "updateUser" {
			return
		}
		f := newFuzzed(method, path)
		for member := range f.Body.Properties {
			s.DB.InsertPeople(t)
			request := f.example()
			request.SetMember(member, differingValues(t, op.OperationID, member)[0])
			answer := request.send(t, s)
			require.Less(t, answer.Status, 300, answer.Body)
			events := s.DB.Events(t)
			require.Contains(t, events[len(events)-1].Fields, directory.Field(member), op.OperationID)
		}
	})
}

// listEvents reads the audit of a user as lines of "actor token operation fields".
func listEvents(t *testing.T, s *apitest.Server, path string, headers ...string) (lines []string, total int64) {
	t.Helper()
	return readPage(t, s, path, func(e client.Event) string {
		actor, err := e.ActorID.Get()
		if err != nil {
			actor = 0
		}
		request, err := e.RequestID.Get()
		require.Equal(t, err == nil, len(request) == 26)
		require.NotNil(t, e.Fields)
		s.RequireRecent(t, e.Time)
		return strings.TrimSpace(fmt.Sprintf("%d %s %s %s", actor, e.TokenName, e.Operation, strings.Join(e.Fields, ",")))
	}, headers...)
}

// The audit of a user has every change once, whichever operation made it, and nothing else.
func TestEveryChangeIsAudited(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	bob, ada := s.CreateUser(t, "bob"), s.CreateUser(t, "ada")
	s.Appoint(t, bob)
	path := ada.Path()
	do := func(method, path, body string, status int, headers ...string) {
		t.Helper()
		require.Equal(t, status, s.Send(t, method, path, body, headers...).Status)
	}
	s.Appoint(t, ada)
	s.Appoint(t, ada)
	token := apitest.Auth(s.LogIn(t, ada.Username(), apitest.Password).Token(t))
	do("PUT", path, `{"phone":"1"}`, 200, token)
	do("PUT", path, `{}`, 200, token)
	do("PUT", "/openapi/v1/changepwd", apitest.NewPassword(apitest.Password), 200, token)
	do("DELETE", "/openapi/v1/auth-token", "", 204, token)
	do("PUT", path+"/changepwd", ada.NewPassword("new password"), 200)
	do("PUT", path, `{"email":"bob@example.com","is_active":null}`, 200)
	require.Equal(t, 401, s.LogIn(t, ada.Username(), "new password").Status)
	do("DELETE", ada.AdministratorPath(), "", 204)
	do("DELETE", path, "", 204, `If-Match: *`)
	want := []string{
		"1 first start createUser nick_name,password,enterprise_id,is_active",
		"1 first start createAdministrator role",
		"3 log-in createAuthToken",
		"3 log-in updateUser phone",
		"3 log-in changeOwnPassword password",
		"3 log-in deleteAuthToken",
		"1 first start changePassword password",
		"1 first start updateUser email,is_active",
		"1 first start deleteAdministrator role",
		"1 first start deleteUser",
	}
	lines, total := listEvents(t, s, path+"/audit?page_size=100")
	require.Equal(t, want, lines, "the audit outlives the user")
	require.EqualValues(t, len(want), total)
	lines, total = listEvents(t, s, path+"/audit?page=2&page_size=3")
	require.Equal(t, want[3:6], lines)
	require.EqualValues(t, len(want), total)
	lines, _ = listEvents(t, s, path+"/audit?page=9")
	require.Empty(t, lines)

	as := apitest.Auth(s.CreateToken(t, bob))
	for _, id := range []string{"3", "99", "abc", "1"} {
		require.Equal(t, 404, s.Send(t, "GET", "/openapi/v1/users/"+id+"/audit", "", as).Status, id)
	}
	notFound := s.Send(t, "GET", people.Missing.Path(), "").WithoutRequestID(t)
	for _, id := range []string{"99", "abc", "0"} {
		answer := s.Send(t, "GET", "/openapi/v1/users/"+id+"/audit", "")
		require.Equal(t, 404, answer.Status, "a user who never existed has no audit")
		require.Equal(t, notFound, answer.WithoutRequestID(t))
	}
}

// Administrators read the changes that were made while a user was in their enterprise, and
// no others.
func TestAuditOfAnotherEnterprise(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada, bob := s.CreateUser(t, "ada"), s.CreateUser(t, "bob")
	s.Appoint(t, ada)
	for _, body := range []string{`{"enterprise_id":"other"}`, `{"phone":"1"}`, `{"enterprise_id":"default"}`, `{"phone":"2"}`} {
		require.Equal(t, 200, s.Send(t, "PUT", bob.Path(), body).Status)
	}
	byAda := apitest.Auth(s.CreateTokenWith(t, ada, "mine", 0))
	require.Equal(t, 200, s.Send(t, "PUT", bob.Path(), `{"is_active":true}`, byAda).Status)
	lines, total := listEvents(t, s, bob.Path()+"/audit", byAda)
	require.Equal(t, []string{
		"1  createUser nick_name,password,enterprise_id,is_active",
		"1  updateUser enterprise_id",
		"1  updateUser phone",
		"2 mine updateUser is_active",
	}, lines, "the names of tokens of a user whom ada cannot see are hidden")
	require.EqualValues(t, 4, total)
	lines, _ = listEvents(t, s, bob.Path()+"/audit")
	require.Len(t, lines, 6)
	require.Equal(t, "1 first start createUser nick_name,password,enterprise_id,is_active", lines[0])
	lines, _ = listEvents(t, s, people.First.Path()+"/audit")
	require.Equal(t, []string{"0  createUser nick_name,enterprise_id,is_active,role", "0  createToken"}, lines, "the server itself is actor 0 in these lines")
}
