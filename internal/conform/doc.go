// Package conform drives a server that claims the contract with generated requests, valid and broken ones, and
// judges the answers.
//
// The server may be another implementation, a proxy, a gateway or another version. The package sees it only from
// outside: it uses internal/contract, and the policy of internal/directory as the table that gen/policy.md prints.
//
// # Words
//
//   - A [Source] makes the choices of which a request is generated.
//   - An [Operation] generates requests that the contract allows. A [Breakage] breaks one in one place.
//   - A rule is something that the contract says. It quotes the contract, so a fault can name the line.
//   - A [Fault] is a rule that an operation breaks. It is reported once, with the first request that shows it.
//   - The world is what the run has made on the server, as it has to be now: the users of its own enterprises.
//   - A scene is a short story in the world that tests some rules, such as a log-out.
//
// # How it goes
//
// [Run] makes two enterprises with administrators and users, who log in. Then it plays all scenes in a random order
// and fills the rest of its requests with generated ones and more scenes. It knows what each request has to change,
// so it reads after each change what is there. In the end it removes what it has made.
//
// It never judges what another implementation may choose: numbers of users, texts of details, ids of requests.
//
// # The generator
//
// The project's own fuzz tests use the same generator. There, rapid makes the choices and shrinks a failing request.
// Here, math/rand/v2 makes them: rapid in the program would bring the package testing, and its init function panics
// if a variable such as RAPID_CHECKS is malformed, which a server must not do.
package conform
