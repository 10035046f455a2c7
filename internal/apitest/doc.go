// Package apitest starts a real server inside a test: the handler of httpapi over a
// database of its own, on a free port. Every exchange, which is a request and its answer,
// is checked against openapi.yaml, and the test fails if they disagree. A typical test
// starts like this:
//
//	s := apitest.Start(t, apitest.Config{})
//	ada := s.CreateUser(t, "ada")
//	answer := s.Send(t, "PUT", ada.Path(), `{"phone":"1"}`)
//	require.Equal(t, 200, answer.Status, answer.Body)
//	require.Equal(t, "1", s.DB.Row(t, ada).Phone)
//
// [Server.Send] acts as the first user, a system administrator, unless the test sends
// another person's header:
//
//	people := apitest.People()
//	s.DB.InsertPeople(t)
//	answer := s.Send(t, "GET", people.User.Path(), "", people.Admin.Auth())
//
// These words have one meaning here:
//
//   - A [Person] is a user whom the test knows by name. [People] returns the [Cast]:
//     everyone whom a test can name without creating them through the API.
//   - The [Database] is reached behind the server's back, in the same way as by another
//     process: to see what is stored, to change it while a request is running, or to make
//     the server fail.
//   - A fake takes the place of a part of the server. [HeldHasher] and [WatchedGate] hold
//     requests, [PanickingHasher] makes them fail, and [Clock] sets the time.
//   - A [Wire] records what another program sends to the server.
//
// No helper limits how long it waits, because a busy machine may be slow. Only the timeout
// of go test ends a test that hangs.
//
// Among the tests, only this package, the tests of the store and those of cmd/userapi use
// raw SQL. SQL that only one dialect understands is in sqlite.go and postgres.go. The database is SQLite's
// unless TEST_DATABASE has the address of a PostgreSQL server, as in '.ci/postgres go test ./internal/httpapi'.
//
// If TEST_NODES is set, too, [Start] starts as many nodes on the database and nginx in front of them, and [Server.Send]
// sends through nginx, which spreads the requests over the nodes. Two kinds of requests go to a node directly: bytes that
// http.Client does not send, and two lines of one header, because nginx would answer them itself. All nodes share the
// fakes and the log of a test. A test that needs one node says so and why, with [OneNode].
package apitest
