package conform

import "userapi/internal/contract"

// rule is something that the contract says.
type rule struct {
	name  string
	quote string // a part of a line of openapi.yaml; "": the line of the operation or of its status
}

// The rules that each answer is judged by.
var (
	ruleAnswer       = rule{"answers", ""}
	ruleStatus       = rule{"status is documented", ""}
	ruleRequestID    = rule{"X-Request-Id", "Every response of an operation has `X-Request-Id`"}
	ruleNoStore      = rule{"Cache-Control: no-store", "Every response of an operation has `X-Request-Id`, `Cache-Control: no-store`"}
	ruleNoSniff      = rule{"X-Content-Type-Options: nosniff", "`X-Content-Type-Options: nosniff`, and is never compressed"}
	ruleUncompressed = rule{"never compressed", "is never compressed"}
	ruleHeaders      = rule{"documented headers", ""}
	ruleMediaType    = rule{"media type", ""}
	ruleSchema       = rule{"body fits its schema", ""}
	ruleNoBody       = rule{"no body", ""}
	ruleTimes        = rule{"times", "Every time is in UTC and has six fractional digits"}
	ruleProblem      = rule{"errors are problems", "An error is a problem (RFC 9457)"}
	ruleCode         = rule{"code is documented", "The description of each response lists the codes that it can have."}
	rulePointer      = rule{"pointers of faults", "A fault in the body has a JSON Pointer (RFC 6901)."}
	ruleNoValue      = rule{"errors repeat no value", "An error never repeats a value that you sent."}
	ruleNoPassword   = rule{"no answer has a password", "The server never returns a password."}
	ruleNoETag       = rule{"no ETag after PUT", "The response has no `ETag`: RFC 9110"}
)

// The rules of requests.
var (
	ruleValid         = rule{"valid requests succeed", ""}
	ruleBroken        = rule{"broken requests are refused", "If a request does not fit its schema, `errors` lists all faults at once"}
	ruleUnknownMember = rule{"unknown members are refused", "If a body has a member that its schema does not name, the server refuses the request"}
	ruleRefusedNoop   = rule{"a refused request changes nothing", "An update happens as a whole or not at all."}
	ruleOrder         = rule{"order of refusals", "If there are several reasons to refuse a request, you get the first in this order"}
	rulePath          = rule{"unknown paths are 404", "An unknown path is 404. A known path with another method is 405"}
	ruleMethod        = rule{"other methods are 405 with Allow", "An unknown path is 404. A known path with another method is 405"}
	ruleHead          = rule{"HEAD is GET without the body", "HEAD returns the same as GET, without the body."}
	ruleOptions       = rule{"OPTIONS is 204 with Allow", "OPTIONS returns 204 with `Allow`"}
	ruleOtherQuery    = rule{"unknown parameters are ignored", "The server ignores query parameters that the operation does not name."}
	ruleNumber        = rule{"ids in decimal digits", "The id of a user: a number from 1 to 2147483647 without leading zeros."}
	ruleEscapedPath   = rule{"percent-encoded paths", "may be percent-encoded, and the path is the same"}
)

// The rules of values.
var (
	ruleComesBack  = rule{"what was sent comes back", "The members as they are stored now."}
	ruleStored     = rule{"what was sent is stored", "Changes the members that the body names, and leaves all others as they are."}
	ruleThreeState = rule{"three states of is_active", "`is_active` can be `true`, `false` or `null`, and the server stores all three."}
	ruleAbsent     = rule{"absent members stay", "In a request, a member that is absent stays as it is."}
	ruleDefault    = rule{"is_active is true by default", "`true`, `false` or `null`, as in UpdateUser. If it is absent, it is `true`."}
	ruleEmptyBody  = rule{"an empty update changes nothing", "The body is optional. If there is none, or if it is empty or `{}`, nothing changes"}
	rulePhone      = rule{`"" clears phone`, "`\"\"` clears `phone`."}
	ruleLocation   = rule{"Location", "The path of the new user."}
	ruleAppointed  = rule{"Location of an administrator", "The path that dismisses the administrator."}
	ruleUniqueMail = rule{"e-mail addresses are unique", "No two users have the same e-mail address, even if they are in different enterprises."}
	ruleUniqueName = rule{"names are unique", "No two users of an enterprise have the same name, even in different letter case"}
	ruleNewID      = rule{"ids are never reused", "The id of a user. The server never reuses an id."}
	ruleTwice      = rule{"two passwords must be the same", "Send the password twice. If the two differ, you get 422."}
	ruleSameUser   = rule{"two ids must be the same", "must be the same one: otherwise 422."}
	ruleBothWin    = rule{"two updates at the same time", "If two updates change different members at the same time, both take effect."}
)

// The rules of conditions.
var (
	ruleETag         = rule{"ETag is the version", "returns the version of the user as `ETag`"}
	ruleNewETag      = rule{"each change makes a new ETag", "Every update, new password, appointment and dismissal makes a new version."}
	ruleSameETag     = rule{"nothing else makes a new ETag", "Every update, new password, appointment and dismissal makes a new version."}
	ruleIfMatch      = rule{"If-Match with the version", "send the version in `If-Match`"}
	ruleStale        = rule{"If-Match with an old version", "if the user has a newer one, you get 412 and nothing changes."}
	ruleIfNoneMatch  = rule{"If-None-Match in a read", "if the user still has it, you get 304 without a body."}
	ruleNoneInWrites = rule{"If-None-Match in a change", "Do this only if the user has none of these versions: otherwise 412"}
	ruleNoConditions = rule{"the audit ignores conditions", "The audit of a user has no version, so it ignores both."}
	ruleOneWinner    = rule{"one of several If-Match wins", "if the user has a newer one, you get 412 and nothing changes."}
)

// The rules of lists.
var (
	ruleTotal      = rule{"total", "`total` counts the entries on all pages, and is always exact."}
	ruleListed     = rule{"lists are complete", "Lists the users that you may see, in the order of creation."}
	ruleListOrder  = rule{"lists are in the order of creation", "Users are in the order in which they were created, and changes in the order in which they were made."}
	rulePaging     = rule{"pages", "`page` starts at 1."}
	rulePageSize   = rule{"page_size", "The number of entries on a page."}
	ruleAfterLast  = rule{"a page after the last one is empty", "A page after the last one is empty."}
	ruleQuery      = rule{"query", "List only users who have this text in their name, e-mail address or phone"}
	ruleAdminsList = rule{"list of administrators", "Lists administrators in the order in which they were created as users."}
	ruleEID        = rule{"eid", "List only the administrators of this enterprise."}
	ruleAudit      = rule{"audit", "Lists who changed the user, when, and which members. The oldest change comes first."}
	ruleAuditKeeps = rule{"the audit of a deleted user stays", "The audit of the user stays, until the server removes old changes."}
	ruleAuditPart  = rule{"administrators see a part of the audit", "Administrators see only the changes that were made while the user was in their enterprise."}
	ruleAuditToken = rule{"the audit hides names of tokens", "It shows the number of who made a change even if you may not see that user."}
)

// The rules of roles and tokens.
var (
	ruleNoToken      = rule{"a token is needed", "Every operation needs a token, except the log-in."}
	ruleScheme       = rule{"ways to send a token", "or as `Authorization: TOKEN` if your client sends no scheme."}
	ruleHidden       = rule{"hidden users are 404", "If you may not see a user, you get 404, just as if the user did not exist."}
	ruleForbidden    = rule{"roles", "If you may see a user but your role does not allow the operation, you get 403."}
	ruleAlways403    = rule{"operations that users never have", "Users without a role always get 403 for listing users"}
	ruleMember403    = rule{"members that you may not change", "If you may not change one of the members, the server refuses the whole update: 403."}
	ruleEnterprise   = rule{"other enterprises", "Administrators create users in their own enterprise, system administrators in any enterprise."}
	ruleOwnAccount   = rule{"own account", "`own_account`: you cannot do this to your own account."}
	ruleLast         = rule{"last administrator", "`last_administrator`: the enterprise has other users, but no other active administrator."}
	ruleMoved        = rule{"a moved administrator loses the role", "An administrator who moves to another enterprise loses the role."}
	ruleAppoint      = rule{"appointments", "Makes a user an administrator of the enterprise that the user belongs to."}
	ruleAppointTwice = rule{"a second appointment changes nothing", "If the user is an administrator already, nothing changes and you get 201."}
	ruleMismatch     = rule{"eid must be the user's enterprise", "If `eid` is not the enterprise of the user, you get 409."}
	ruleForeignEID   = rule{"administrators name their own enterprise", "If you are an administrator and `eid` is not your own enterprise, you get 403."}
	ruleDismiss      = rule{"dismissals", "Takes the role from an administrator, who stays in the enterprise"}
	ruleNoAdmin      = rule{"only administrators are dismissed", "If the user is not an administrator, you get 404."}
	ruleDeleted      = rule{"deleted users are gone", "Deletes a user and revokes all tokens of the user."}
	ruleLogIn        = rule{"log-ins", "Returns a token for a name and a password."}
	ruleWrongLogIn   = rule{"wrong log-ins", "If the name is unknown, the password is wrong or the user is not active, you get the same 401."}
	ruleInactive     = rule{"only active users log in", "Only active users can log in."}
	ruleLogOut       = rule{"a log-out ends the token", "Revokes the token that you use."}
	ruleOwnPassword  = rule{"a new password of one's own", "Sets a new password for you and revokes all your tokens, except the one that you use."}
	rulePassword     = rule{"a new password ends the tokens", "Sets a new password for a user and revokes all tokens of the user."}
	ruleUpdatePass   = rule{"an updated password ends the tokens", "A new `password` revokes all tokens of the user, except the token that sent the request."}
	ruleDeactivated  = rule{"deactivation ends the tokens", "Setting `is_active` to `false` or `null` revokes all tokens of the user."}
	ruleUnicode      = rule{"passwords in any composition", "The server compares it in Unicode NFC"}
)

// line returns the line of openapi.yaml that has the rule, for an answer of an operation. The operation may be "".
func (r rule) line(c *contract.Contract, operation, status string) int {
	if r.quote != "" {
		return c.Line(r.quote)
	}
	if operation == "" {
		return 0
	}
	if line := c.Line("operationId: "+operation, "responses:", "'"+status+"':"); line > 0 && line < c.Line("operationId: "+operation, "responses:", "operationId: ") {
		return line
	}
	return c.Line("operationId: " + operation)
}
