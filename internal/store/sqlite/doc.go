// Package sqlite keeps the directory in one SQLite file. [Store] implements
// [directory.Store]. This comment defines the words that the package uses.
//
// # Writes
//
// A unit is one change: a function that reads, decides and writes, and that takes effect
// as a whole or not at all. [Store.Change] and [Store.Start] run one unit each. All units
// of a process run on one connection, the writer's, by group commit:
//
//   - A unit waits in the queue, which holds MaxWaiting units. If the queue is full, the
//     write fails with [directory.CodeUnavailable].
//   - A batch is up to maxBatch units that share a transaction. Each has a savepoint, so
//     that a unit that fails is undone alone.
//   - The leader is the goroutine that commits a batch. If no commit is running, it is
//     the caller of the write, otherwise the writer's own goroutine.
//   - The leader begins a transaction, runs the units one after another, and commits.
//     Only then do the writes of the batch return: their units share one wait for the disk.
//
// # The log
//
// The log is SQLite's write-ahead log, the file that ends in -wal. A commit adds frames to it, one
// for each page that it changes. A checkpoint moves the frames into the database file, as far as no
// reader needs older pages. When all frames are moved and no reader uses them, the next commit resets
// the log: it begins the log anew and overwrites the frames.
//
// Checkpoints are the writer's own: SQLite runs none, because it tells nobody when one fails. The leader
// runs one after its batch if the log has checkpointFrames, and the writer's own goroutine runs one each
// second if frames are left. So the file alone is whole in quiet moments, and lacks the changes of
// the last second otherwise. Only [Store.Close] moves the rest.
//
// # The identity
//
// The table identity tells whether a file and a log belong together: it holds the current identity of the
// database, and the previous one. A transaction may renew it only if the file alone holds the current
// one. It must renew it if it resets the log, or before a checkpoint goes on where a reader has stopped the
// last one. So the file alone holds the current or the previous identity of file and log together,
// and an older copy of the file holds neither, unless it becomes whole with the log.
//
// A start that finds a log compares the two before it opens them for writing, and refuses if they do not
// belong together. If it cannot compare them, or if the file is much newer than the log, it reads the
// whole database instead and fails if something in it does not agree.
//
// # The guard
//
// SQLite does not notice if somebody moves, removes, replaces or cuts its files. The guard does: it looks at
// their names and sizes in each batch, before the first write and after the commit, and once a second. A
// batch fails with [directory.CodeUnavailable] if the files were lost before it began. If they were lost
// during its commit, nobody knows the outcome, and the error has no code. From then on, writes
// and reads are refused. If the same files come back, the store goes on. If there are others in their place,
// or if they were changed, it must be opened again.
//
// # Failed writes
//
// If the system does not let SQLite write, for example because the disk is full, nothing was committed:
// the write fails with [directory.CodeUnavailable], and the writer's own goroutine tries each second
// whether the disk accepts a commit again. If fsync(2) fails in a commit, the frames may be on disk or not:
// [Options] has a function that ends the process without an answer.
//
// # Reads
//
// A session runs statements. It has GORM on a pool of connections, and the prepared path.
// The writer's session is on its one connection, inside the transaction of a batch. The
// read session has several connections. The scan session has one, for lists that look at
// every row: one of them runs at a time, at low priority.
//
// A read of one user gives way: if many units are queued, it waits for those that came before it, for
// maxGiveWay at most. Otherwise clients that read would take the cores from those that write.
//
// # Two ways to run SQL
//
// Use session.gorm unless every request runs the statement. For those that every request
// runs, use session.prepared: GORM takes longer to build such a statement than SQLite to run
// it, and database/sql takes about as long as SQLite. So GORM builds the statement once, in a
// dry run, and the prepared path runs it without GORM and database/sql. The names of columns and their order
// come from a value of type table, never from a list of their own.
//
// The name tx is for a session or a GORM handle inside a transaction, and for nothing else.
//
// # The cache
//
// The cache holds principals: the tokens that were used last, and their owners. An entry is
// stale if the token or its owner has changed since. A unit marks the user that it changes as
// dirty. The leader drops dirty users after the commit and before any write of the batch
// returns. When another process commits, SQLite's data_version changes. The leader compares
// it at the start of each batch, and the writer's own goroutine every cacheCheckInterval. If it
// has changed, they purge the cache. If the last comparison is older than maxCacheAge, the cache is not
// used. The generation rises with each drop and purge, so that no reader adds a principal that was read before.
//
// # The event index
//
// The table event_targets is the event index: the numbers of events by target. A change does
// not write to it. When indexBatch new events have been collected, they are added together.
// Until then, reading the events of a target also scans the new ones.
//
// # Old events
//
// [Store.RemoveEvents] removes events in the order of their numbers, with their rows in the event index, and never
// the newest. So no number comes back, and events are missing only before the lowest number that is left. A start relies
// on this when it looks for events that a log should have.
//
// # Blocks
//
// The table user_counts counts users by enterprise, role and block. A block is 4096 successive
// numbers of users: those that differ only in their last blockBits bits. Lists take their totals
// from the counts, and skip the blocks before a page. Triggers update the counts on every write.
//
// # Errors
//
// Two functions translate errors of the driver into [directory.Error]: writer.Write for
// writes, and Store.finishRead, which each exported method that reads defers. Everything in
// between returns errors as they are.
//
// # Never
//
//   - Never call GORM's AutoMigrate: it silently drops STRICT, CHECKs, NOT NULL and unique
//     indexes from a table. Add a file to migrations instead.
//   - Never run REPLACE INTO users or INSERT OR REPLACE INTO users: SQLite does not run the
//     trigger of DELETE for the rows that they replace, and user_counts becomes wrong.
//   - Never open and close the database file or the file that ends in -shm while connections are
//     open: closing it drops SQLite's locks of the whole process (fcntl(2)). Look at their names
//     with stat(2) instead, or read them through SQLite, which takes care of its locks.
//   - Never commit except through writer.runTransaction, which looks at the files and keeps the identity.
//   - Never return from a write before COMMIT has returned: success means that it is on disk.
//   - Never run a statement of a unit with a context that can end: if it ends, the transaction
//     of the whole batch is rolled back, and each later statement commits on its own.
//   - Never update with RETURNING, which costs a third of a PUT: the unit has read the row
//     and knows the result.
package sqlite
