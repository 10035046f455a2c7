package directory

// Plan decides a change on the actor and the target as they stand in the unit that
// will carry it out. The target is the zero User where there is none yet. It has no
// effects and may be asked more than once.
type Plan func(actor Principal, target User) (Change, error)

// Change is what an allowed request comes to.
type Change struct {
	User         User    // as it will be; a number of 0 is given by the store
	Fields       []Field // the only ones to be written; none: nothing is, no version, no event
	PasswordHash string  // meaningful if Fields has FieldPassword
	EndTokens    bool    // of the user: all but the one that is used and the operator's
	Event        Event   // its target is the user
}
