package directory

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updatePage = flag.Bool("update", false, "write gen/policy.md ('make generate' sets this)")

// gen/policy.md, which README links to, shows the rules that the code has.
func TestPolicyPage(t *testing.T) {
	const path = "../../gen/policy.md"
	page := policyPage(t)
	if *updatePage {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(written), page, "gen/policy.md is out of date: run 'make generate'")
}

// policyPage returns the policy as a page in Markdown.
func policyPage(t *testing.T) string {
	t.Helper()
	operations := []Operation{
		OperationGetUser, OperationListUsers, OperationCreateUser, OperationUpdateUser, OperationDeleteUser,
		OperationChangePassword, OperationChangeOwnPassword, OperationListUserEvents,
		OperationListAdministrators, OperationCreateAdministrator, OperationDeleteAdministrator,
		OperationDeleteAuthToken, OperationCreateToken, OperationRevokeToken,
	}
	fields := []Field{
		FieldNickName, FieldPassword, FieldEnterpriseID, FieldEmail, FieldPhone, FieldIsActive, FieldOrigion, FieldRole,
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(policy)), operations, "policyPage must list the operations of the policy")
	for op, rules := range policy {
		for _, rule := range rules {
			require.Subset(t, fields, rule.Fields, "policyPage does not list a field of %s", op)
		}
	}
	roles := []Role{RoleUser, RoleAdministrator, RoleSystemAdministrator, roleOperator}
	names := map[Role]string{
		RoleUser: "user", RoleAdministrator: "administrator",
		RoleSystemAdministrator: "system administrator", roleOperator: "command line",
	}
	var page strings.Builder
	writeRow := func(first string, cell func(Role) string) {
		page.WriteString("| " + first + " |")
		for _, role := range roles {
			page.WriteString(" " + cell(role) + " |")
		}
		page.WriteString("\n")
	}
	page.WriteString(`<!-- Code generated from internal/directory/policy.go. DO NOT EDIT. -->
# Who may do what

The first table has a row for each operation and a column for each role. The last column is for the operator,
who runs ` + "`userapi`" + ` on the command line. A cell says to which users the role may do the operation:

- *never*: The role does not have this operation. The answer is always 403.
- nobody: The role may not do this to any user.
- oneself: You may do this only to yourself.
- own enterprise: You may do this to the users of your enterprise, except system administrators.
- everyone: You may do this to every user.

For a user whom the cell does not include, the answer is 403 if you can see this user. Otherwise it is 404, as if the
user did not exist. The row *can see* says whom you can see. A list contains only the users whom its cell includes.
If a request names an enterprise that its cell does not include, the answer is 403.

The server decides with the role that you have when it makes the change, not with the role that you had when you
sent the request.

`)
	writeRow("", func(r Role) string { return names[r] })
	writeRow("---", func(Role) string { return "---" })
	writeRow("*can see*", func(r Role) string { return string(visibility[r]) })
	for _, op := range operations {
		writeRow("`"+string(op)+"`", func(r Role) string {
			rule, listed := RuleOf(op, r)
			if !listed {
				return "*never*"
			}
			return string(rule.Scope)
		})
	}
	page.WriteString(`
The second table says which members of a user a role may set with ` + "`createUser` and `updateUser`" + `. If a request names a
member that your role may not set, the server refuses the whole request with 403. A member that the operation does not
have is 422: ` + "`role`" + `, and in ` + "`updateUser` also `nick_name` and `origion`" + `. The command line sets ` + "`role`" + ` when it
creates a system administrator.

`)
	writeRow("", func(r Role) string { return names[r] })
	writeRow("---", func(Role) string { return "---" })
	for _, op := range []Operation{OperationCreateUser, OperationUpdateUser} {
		for _, field := range fields {
			writeRow(fmt.Sprintf("`%s`: `%s`", op, field), func(r Role) string {
				if allowFields(op, User{Role: r}, []Field{field}) == nil {
					return "yes"
				}
				return "–"
			})
		}
	}
	page.WriteString(`
Everyone may log in, without a token. Three more rules limit what the tables allow:

- You cannot deactivate, dismiss or delete yourself: 409.
- Nobody can deactivate, move, dismiss or delete the last active administrator of an enterprise that has other users: 409.
- If you logged in more than 15 minutes ago, you cannot change anybody's password or e-mail address, appoint anybody,
  or change an administrator or a system administrator, except your own phone: 403. Log in again first. A token from the command line or from the server's settings has no such limit.

To deactivate a user is to set ` + "`is_active`" + ` to ` + "`false` or `null`" + `. To dismiss an administrator is to take the role away,
and to move a user is to change the enterprise.
`)
	return page.String()
}
