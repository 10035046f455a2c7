// Package storetest has the tests that every dialect passes. A node is a [directory.Store] in a process
// of its own, or as good as one: nodes share a database and nothing else.
package storetest
