package directory

// Optional is a value that may be absent.
type Optional[T any] struct {
	Value T // meaningful if Set
	Set   bool
}

// Some returns a value that is there.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }

// Patch is a partial change of a user. An absent member stays as it is.
type Patch struct {
	Password     Optional[string]
	EnterpriseID Optional[string]
	Email        Optional[string]
	Phone        Optional[string] // "" clears it
	IsActive     Optional[*bool]  // the three states: nil, false and true can all be set
}

// Fields returns the members that are named, in the contract's order.
func (p Patch) Fields() []Field {
	var fields []Field
	for _, f := range []struct {
		name Field
		set  bool
	}{
		{FieldPassword, p.Password.Set},
		{FieldEnterpriseID, p.EnterpriseID.Set},
		{FieldEmail, p.Email.Set},
		{FieldPhone, p.Phone.Set},
		{FieldIsActive, p.IsActive.Set},
	} {
		if f.set {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// apply returns the user with the named members changed. The password is not part of a User.
func (p Patch) apply(u User) User {
	if p.EnterpriseID.Set {
		u.EnterpriseID = p.EnterpriseID.Value
	}
	if p.Email.Set {
		u.Email = &p.Email.Value
	}
	if p.Phone.Set {
		u.Phone = p.Phone.Value
	}
	if p.IsActive.Set {
		u.IsActive = p.IsActive.Value
	}
	return u
}
