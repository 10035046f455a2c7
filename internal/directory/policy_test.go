package directory

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updatePage = flag.Bool("update", false, "write gen/policy.md, for 'make generate'")

// The page that README links shows the policy as it is.
func TestPolicyPage(t *testing.T) {
	const path = "../../gen/policy.md"
	page := policyPage()
	if *updatePage {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(written), page, "run 'make generate'")
}

// policyPage says in Markdown who may do what.
func policyPage() string {
	operations := []Operation{
		OperationGetUser, OperationListUsers, OperationCreateUser, OperationUpdateUser, OperationDeleteUser,
		OperationChangePassword, OperationChangeOwnPassword, OperationListUserEvents,
		OperationListAdministrators, OperationCreateAdministrator, OperationDeleteAdministrator,
		OperationDeleteAuthToken, OperationCreateToken, OperationRevokeToken,
	}
	if len(operations) != len(policy) {
		panic("the page leaves operations out")
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

Each role, and to whom it may do what. Outside of that, the answer is 404 for whom the role does not see, as if there
were no such user, and 403 for whom it visibility. *Never* is 403 for everyone. "Own enterprise" leaves system administrators out.
What counts is the role at the moment of the change, not the one when the request came in.

`)
	writeRow("", func(r Role) string { return names[r] })
	writeRow("---", func(Role) string { return "---" })
	writeRow("*visibility*", func(r Role) string { return string(visibility[r]) })
	for _, op := range operations {
		writeRow("`"+string(op)+"`", func(r Role) string {
			rule, listed := RuleOf(op, r)
			if !listed {
				return "*never*"
			}
			return string(rule.Scope)
		})
	}
	page.WriteString("\nThe members that a role may name. One that it may not name refuses the whole request with 403.\n\n")
	writeRow("", func(r Role) string { return names[r] })
	writeRow("---", func(Role) string { return "---" })
	for _, op := range []Operation{OperationCreateUser, OperationUpdateUser} {
		for _, field := range slices.Concat(allFields, roleOnly) {
			writeRow(fmt.Sprintf("`%s`: `%s`", op, field), func(r Role) string {
				if allowFields(op, User{Role: r}, []Field{field}) == nil {
					return "yes"
				}
				return "–"
			})
		}
	}
	page.WriteString(`
Everyone may log in. Beyond the table:

- Nobody deactivates, dismisses or deletes oneself: 409.
- The last active administrator of an enterprise is not deactivated, moved, dismissed or deleted: 409.
- With a log-in that is older than 15 minutes, nobody changes their own password or e-mail address: 403.
`)
	return page.String()
}
