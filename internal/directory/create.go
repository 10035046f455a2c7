package directory

import "time"

// NewUser is a user to be created.
type NewUser struct {
	NickName     string
	Password     string
	EnterpriseID string
	Email        *string
	Phone        string
	IsActive     *bool
	Origion      *string
}

// fields returns the members that were given a value.
func (n NewUser) fields() []Field {
	fields := []Field{FieldNickName, FieldPassword, FieldEnterpriseID}
	if n.Email != nil {
		fields = append(fields, FieldEmail)
	}
	if n.Phone != "" {
		fields = append(fields, FieldPhone)
	}
	fields = append(fields, FieldIsActive)
	if n.Origion != nil {
		fields = append(fields, FieldOrigion)
	}
	return fields
}

// Creation is one request to create a user.
type Creation struct {
	Principal    Principal
	User         NewUser // without the password
	PasswordHash string
	Now          func() time.Time // read in the unit
}

// Plan decides the creation on the actor as it stands in the unit that will carry it
// out, and returns the user without a number. It fails with CodeUnauthenticated or
// CodeForbidden.
func (c Creation) Plan(actor Principal) (User, error) {
	now := c.Now()
	if err := actor.Valid(now); err != nil {
		return User{}, err
	}
	if err := Allow(OperationCreateUser, actor.User, 0); err != nil {
		return User{}, err
	}
	return User{
		Version:      1,
		NickName:     c.User.NickName,
		EnterpriseID: c.User.EnterpriseID,
		Role:         RoleUser,
		Email:        c.User.Email,
		Phone:        c.User.Phone,
		IsActive:     c.User.IsActive,
		Origion:      c.User.Origion,
		CreateTime:   now,
		ClientIP:     c.Principal.Address,
	}, nil
}

// Event describes the creation of this user.
func (c Creation) Event(actor Principal, created User) Event {
	return actor.event(OperationCreateUser, created.CreateTime, created, c.User.fields())
}
