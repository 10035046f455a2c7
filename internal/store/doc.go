// Package store has what the dialects share: the rows of the tables, the columns that an update
// writes, queries that both run with GORM, the unit of a start, and the names of the constraints that
// a client can violate. It imports no dialect.
//
// A dialect is a package below this one, and has an implementation of [userapi/internal/directory.Store].
// Package storetest has the tests that every dialect passes.
package store
