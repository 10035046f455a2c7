// Package storetest has the tests that every dialect passes. A node is a [directory.Store] in a process
// of its own, or as good as one: nodes share a database and nothing else.
//
// A [Race] shows whether nodes that write at the same time keep a promise. Because a race could pass by
// chance, package postgres also runs each one on nodes that lock in a wrong way, and it must say so.
package storetest
