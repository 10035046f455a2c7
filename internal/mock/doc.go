// Package mock has what 'userapi mock' has and 'userapi serve' has not.
//
// # Words
//
// The mock is the server on a database that is deleted when it ends. A seed ([Seed]) is what the database
// holds at first: users, tokens, and the time at which the clock stands. A reset brings the seed back. Time
// is what the [Clock] says, which can be stopped and moved.
//
// A preference is what a client asks for in the header Prefer, such as an answer of the contract on demand; see [Prefer].
// The [Journal] keeps the last requests. It tells of each member of a body whether it was absent, null or a value.
//
// The journal is outside, so that it sees what was given to whom. Prefer is between the journal and the server.
//
// # How to add something
//
// To add something to the answers of the API, write a func(http.Handler) http.Handler. To add something
// for the tester, write a handler for the ops listener. The file mock.go of cmd/userapi puts both in their
// places, around the handler of httpapi. So the package httpapi stays free of them, and 'userapi serve' cannot have them.
//
// To add a member to the seed, add it to seed.schema.json and to the type that [ParseSeed] fills. A test compares them.
//
// # Errors
//
// A seed has [Fault] values, which say where and what. A handler of the ops listener answers with a problem, in the same
// way as the API.
//
// # What never to do
//
//   - Never import Echo, the store or httpapi: the mock is around the server, not inside.
//   - Never put a value of a seed into a fault: it may be a password.
//   - Never put anything of a request into the journal that mask.go has not seen, for the same reason.
package mock
