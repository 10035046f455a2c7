// Package password hashes passwords with argon2id (RFC 9106) and limits how many are hashed at
// the same time.
//
// # Words
//
// The [Gate] hashes passwords. It has a fixed number of slots, and hashing a password takes one
// slot. If no slot is free, a request waits. [Gate.Hash] and [Gate.Verify] have a queue each,
// which bounds how many requests wait. A free slot goes to the request that has waited longest,
// in whichever queue it is.
//
// The dummy hash has the cost of a real hash but belongs to no password. If there is no hash,
// Verify compares the password with the dummy hash. So a log-in takes as long for an unknown account as for a known one.
//
// # How to add something
//
// To change the cost, change [Params]. Stored hashes stay valid, because a hash in PHC form
// says what it costs. A new method that hashes must do so in withSlot. Give it its own queue if
// its requests must not take the room of others.
//
// # Which way to take
//
// Call Hash to store a new password, and Verify to check one that was sent. Do not compare
// hashes: each has its own salt.
//
// # Errors
//
// If a queue is full, the gate returns a [*directory.Error] with [directory.CodeUnavailable]. If
// ctx ends while a request waits, the error wraps the context's. Any other error is a fault of
// the server, such as a stored hash that is malformed.
//
// # What never to do
//
//   - Do not call argon2id elsewhere: only the gate bounds the memory that hashing takes.
//   - Do not skip the work if there is no hash: the time would tell which accounts exist.
//   - Do not put a password or a hash into an error or a log line.
package password
