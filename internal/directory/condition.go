package directory

import "slices"

// Condition limits a change to some versions of the user. The zero Condition always holds.
// Source: RFC 9110 §13.1.
type Condition struct {
	Only   *Versions // If-Match; nil: every version
	Except *Versions // If-None-Match; nil: no version
}

// Versions is a set of versions of an existing user.
type Versions struct {
	Any    bool // all of them
	Listed []int64
}

// Holds reports whether the condition holds for this version.
func (c Condition) Holds(version int64) bool {
	return (c.Only == nil || c.Only.has(version)) && (c.Except == nil || !c.Except.has(version))
}

func (v Versions) has(version int64) bool { return v.Any || slices.Contains(v.Listed, version) }
