// Package password hashes passwords with argon2id (RFC 9106).
//
// # Words
//
// The dummy hash has the cost of a real hash but belongs to no password. If there is no hash,
// [Hasher.Verify] compares the password with the dummy hash. So a log-in takes as long for an unknown account as for a known one.
//
// # How to add something
//
// To change the cost, change [Params]. Stored hashes stay valid, because a hash in PHC form
// says what it costs.
//
// # Which way to take
//
// Call Hash to store a new password, and Verify to check one that was sent. Do not compare
// hashes: each has its own salt.
//
// # Errors
//
// If ctx has ended, the error wraps the context's. Any other error is a fault of the server, such
// as a stored hash that is malformed.
//
// # What never to do
//
//   - Do not hash outside of the directory's Hashing gate: only the gate bounds the memory and
//     the cores that hashing takes.
//   - Do not skip the work if there is no hash: the time would tell which accounts exist.
//   - Do not put a password or a hash into an error or a log line.
package password
