// Package postgres keeps the directory in a PostgreSQL database, for any number of equal processes,
// which are the nodes. [Store] implements [directory.Store]. No node has a state that another needs.
// The word unit is that of package directory.
//
// # Writes
//
// The lane commits batches, of which maxBatches run at the same time. A batch is up to maxBatch units of this
// node that share a transaction. It takes two round trips: the first begins, locks and reads, the second writes
// and commits. Between them, the lane decides each unit.
//
// A failed statement ends the whole transaction, so a unit that may violate a constraint runs alone: in
// a transaction of its own, next to the lane. So does a unit that reads more than its facts, or writes
// anything except an update of the user, ended tokens and an event.
//
// # Locks
//
// A user's lock stands for the row and for all tokens of the user. A unit holds the target's lock
// exclusively and the actor's lock shared. So nothing is written for an actor or a token after the answer to
// the change that ended its right, whichever nodes run the two. An enterprise's lock is held by what may take
// away an administrator. All are advisory locks of the transaction, taken in this order: enterprise, then
// users by number. The isolation level is READ COMMITTED, and the locks are taken by a statement of
// their own, so the statement that reads after it sees what the last holder of a lock has written.
//
// These look right, and are wrong. The races of package storetest find each:
//
//   - No lock for the actor, or only for the target: a demoted administrator still writes.
//   - No lock for the enterprise, because each administrator is the target of another unit: none is left.
//   - The lock in the statement that reads: the snapshot of the statement is older than the lock.
//   - SERIALIZABLE: it may order a write before the demotion, although it commits after its answer.
//   - FOR SHARE on the actor's row: sharers overtake a waiting demotion for seconds, and a token that
//     was joined is not read again.
//
// # Commits without an answer
//
// If the connection breaks after COMMIT was sent, nobody knows whether the unit took effect. It runs
// again alone, and after it has the target's lock, it looks for its event. The unit itself notes
// whether COMMIT was sent. Never ask pgconn.SafeToRetry: pgx v5.9 to v5.12 answer true after a commit.
//
// The transaction that looks writes something, so that its own commit waits for a synchronous standby, and
// so for the commit that it has found. If nobody can tell until the request ends, the answer is not
// [directory.CodeUnavailable], because that says that nothing was changed.
//
// # Failover
//
// The setting may name several hosts. A connection leads to the first one that can be written, and the last
// good one is tried first. What fails because the server was not there is repeated a few times, and then
// fails with [directory.CodeUnavailable]. A server that hangs answers nothing and closes nothing: what reaches
// its own deadline, [Store.unitTimeout], replaces all connections, see [connections]. A server that turns out
// to be read-only makes the pool begin new connections.
//
// # Reads
//
// The statements that every request needs are coalesced: while they are on their way, the questions that
// arrive wait, and the next statement answers them all. There is no cache. GORM runs everything else,
// on the same connections.
//
// # Old events
//
// [Store.RemoveEvents] removes the oldest events, a few at a time, on one node at a time: an advisory lock that nobody
// waits for sees to it. They are hours old, so no unit that is in progress looks for one of them.
//
// # Starts
//
// [Migrate] and [Open] first connect to each host by itself, in the order in which pgx tries them, and look
// at the server, the tables and the rights of the user. A startFault says in one line what is wrong
// and what to do. Nothing is written before the tables are known to be userapi's.
//
// # Copies
//
// [Copy] fills an empty database in one transaction, and needs it for itself. So each open [Store] holds a
// shared lock, on a session of its own that does nothing else, and a copy takes that lock exclusively. Neither
// waits for the other: both fail.
package postgres
