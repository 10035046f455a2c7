package directory

// Optional is a value that may be absent.
type Optional[T any] struct {
	Value T // valid only if Set
	Set   bool
}

// Some returns an Optional that has a value.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }

// Patch is a partial change of a user. A field that is not set stays as it is.
type Patch struct {
	Password     Optional[string]
	EnterpriseID Optional[string]
	Email        Optional[string]
	Phone        Optional[string] // "" clears it
	IsActive     Optional[*bool]  // can be set to nil, false or true
}

// Fields returns the fields that are set, in the order of the contract.
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

// apply returns the user with the fields of the patch, except the password, which a [User] does
// not have.
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
