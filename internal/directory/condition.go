package directory

import "slices"

// Condition restricts an update to versions of the user. The zero Condition always holds.
type Condition struct {
	Only   *Versions // nil: any
	Except *Versions // nil: none
}

// Versions is a set of versions of an existing user.
type Versions struct {
	Any    bool
	Listed []int64
}

// Holds reports whether the condition holds for this version.
func (c Condition) Holds(version int64) bool {
	return (c.Only == nil || c.Only.has(version)) && (c.Except == nil || !c.Except.has(version))
}

func (v Versions) has(version int64) bool { return v.Any || slices.Contains(v.Listed, version) }
