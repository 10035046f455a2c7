package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// differing has two values for each member of a request body. The request has one outcome with
// the first value and a different one with the second.
var differing = map[string][2]any{
	"nick_name":     {"grace", "hedy"},
	"password":      {newPassword, "another password"},
	"password1":     {newPassword, "another password"},
	"enterprise_id": {"default", "other"},
	"email":         {"grace@example.com", "hedy@example.com"},
	"phone":         {"1", "2"},
	"is_active":     {true, nil},
	"origion":       {"import", "form"},
	"user_id":       {people.User.ID, people.OtherUser.ID},
	"eid":           {"default", "other"},
	"username":      {people.User.Username(), people.Missing.Username()},

	"createAuthToken.password": {apitest.Password, "another password"},
}

const newPassword = "battery staple"

// Every member of every request body matters: with another value, the answer, the stored users
// or a later log-in differ. A member that nobody implements fails here by its name.
func TestEveryMemberMatters(t *testing.T) {
	eachOperation(t, func(t *testing.T, method, path string, op *openapi3.Operation) {
		f := newFuzzed(method, path)
		if f.Body == nil {
			return
		}
		for member, property := range f.Body.Properties {
			outcomes := [2]string{}
			for i, value := range differingValues(t, op.OperationID, member) {
				if property.Value.Type.Is("string") && value != nil {
					value = fmt.Sprint(value)
				}
				outcomes[i] = outcomeWith(t, f, member, value)
			}
			require.NotEqual(t, outcomes[0], outcomes[1], "%s of %s makes no difference", member, op.OperationID)
		}
	})
}

// differingValues returns the values that differing has for a member of an operation.
func differingValues(t *testing.T, operation, member string) [2]any {
	t.Helper()
	values, known := differing[operation+"."+member]
	if !known {
		values, known = differing[member]
	}
	require.True(t, known, "%s needs two values with different outcomes in differing", member)
	return values
}

// outcomeWith sends a request that succeeds, with this value of one member, to a server of its
// own. It returns the part of the outcome that other clients can see.
func outcomeWith(t *testing.T, f fuzzed, member string, value any) string {
	t.Helper()
	s := apitest.Start(t, apitest.Config{})
	s.DB.InsertPeopleWhoLogIn(t)
	request := f.example()
	if f.Body.Properties["is_active"] != nil {
		request.SetMember("is_active", true)
	}
	request.SetMember(member, value)
	outcome := []string{fmt.Sprint(request.send(t, s).Status)}
	for _, name := range []string{people.User.Name, people.System.Name, "grace"} {
		outcome = append(outcome, fmt.Sprint(s.LogIn(t, "default/"+name, newPassword).Status))
	}
	for _, path := range []string{"/openapi/v1/users?page_size=100", "/openapi/v1/administrators"} {
		var list any
		answer := s.Send(t, "GET", path, "")
		require.NoError(t, json.Unmarshal([]byte(answer.Body), &list))
		outcome = append(outcome, fmt.Sprint(maskServerValues(list)))
	}
	return strings.Join(outcome, "\n")
}
