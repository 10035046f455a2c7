// Package directory is the domain: users, their tokens and log-ins, who may do what to whom,
// and the rules of each change. The server and the command line call [Service].
//
// # Words
//
// A principal is the one who acts: a user with a token, the [Operator] or an [Anonymous] client.
// When a principal changes a user, the principal is the actor and the user is the target.
//
// The policy says what each [Role] may do. For an [Operation] and a role it has a [Rule]. The
// rule's [Scope] says to which targets the role may do the operation, and its fields say what
// the role may change. Each role also has a visibility, the scope of the users whom it can see.
// Any other user is treated like one who does not exist.
//
// A unit is one write to the [Store]: it takes effect as a whole, or not at all. The unit reads the [Facts],
// which are the actor and the target as they are now, and calls a [Decide] function with them.
// This function returns either a [Change], which the unit then writes, or an [Error]. This
// package does not know how the store runs a unit.
//
//   - A [Field] is the name of a member of a user. A [Patch] has new values for some fields.
//   - A version counts the changes of a user. A [Condition] limits a change to some versions.
//   - An [Event] is the audit's record of one change.
//   - A log-in name is an e-mail address or ENTERPRISE_ID/NICK_NAME, see [LogInName].
//   - A fresh log-in is at most 15 minutes old. Changes that could take an account over need a
//     token from a fresh log-in, or one that does not come from a log-in.
//   - The failures of a [FailureKey] are what has failed in the last minute: log-ins, and changes because
//     an e-mail address was taken. Limits of them refuse further ones before anything is looked up.
//   - A [Gate] lets a few requests in at the same time. The others wait for their [Turn].
//
// # How to add an operation
//
// Add it to openapi.yaml first, unless only the command line has it. Then add its name and its
// rules to policy.go, and its row to policyPage in policy_test.go. 'make generate' then writes
// gen/policy.md. Add a method of Service to the file of its noun. A method that writes calls
// [Store.Change]. Its Decide function makes these checks in this order, returns the first
// error, and otherwise returns a Change with an Event:
//
//  1. [CodeUnauthenticated] if the token has expired or the actor is not active.
//  2. [CodeForbidden] if the role never has the operation, [CodeNotFound] if the role cannot see
//     the target, [CodeForbidden] if the rule does not allow the target or one of the fields.
//  3. [CodeReauthenticationRequired] if the log-in must be fresh and is not.
//  4. [CodePreconditionFailed] if the condition does not hold.
//  5. The errors of the operation's own rules, such as [CodeOwnAccount] and then
//     [CodeLastAdministrator]. This is where a new rule usually goes.
//
// Facts.allow makes the first three checks. After the last one, the store checks that e-mail
// addresses and names are unique. A new [Code] also needs an entry in openapi.yaml and in the
// table of problems in internal/httpapi.
//
// # Which way to take
//
//   - To allow a change, call Facts.allow in the unit. To allow a read, call allow. If the
//     request names an enterprise, call allowInEnterprise. For a list, call listFilter.
//   - To change something, call Store.Change. If the change can name an e-mail address, call
//     Service.changeWithin, which counts addresses that were taken. Call [Store.Facts] before it only to avoid
//     expensive work, such as hashing, for a request that is refused or changes nothing.
//   - Return an Error if the client can act on it. Return any other error for a fault of the
//     server.
//   - Use [Optional] for a member that may be absent, and a pointer if nil is itself a value.
//
// # Errors
//
// Nothing in this package translates errors of a database. The store returns an Error if a code
// fits the failure, and Service passes it on. internal/httpapi gives each code a status.
//
// # What never to do
//
//   - Do not import net/http, database/sql or another package of this module.
//   - Do not decide on facts, or with a time, read outside of the unit. They may have changed.
//   - Do not call the Store or the Hasher in a Decide function. It may be called twice for one
//     request, so a second call must do no harm.
//   - Do not put a value into an Event, or a password or token into an Error. Names of fields
//     are enough.
//   - Do not use the Operator for a request that came over the network.
package directory
