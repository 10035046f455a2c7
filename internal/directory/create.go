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
	User         NewUser
	PasswordHash string
	Now          func() time.Time // read in the unit
}

// Plan is a Plan. It fails with CodeUnauthenticated or CodeForbidden.
func (c Creation) Plan(actor Principal, _ User) (Change, error) {
	now := c.Now()
	if err := actor.Valid(now); err != nil {
		return Change{}, err
	}
	created := User{
		Version:      1,
		NickName:     c.User.NickName,
		EnterpriseID: c.User.EnterpriseID,
		Role:         RoleUser,
		Email:        c.User.Email,
		Phone:        c.User.Phone,
		IsActive:     c.User.IsActive,
		Origion:      c.User.Origion,
		CreateTime:   now,
		ClientIP:     actor.Address,
	}
	fields := c.User.fields()
	if err := Allow(OperationCreateUser, actor.User, created, fields...); err != nil {
		return Change{}, err
	}
	return Change{
		User:         created,
		Fields:       fields,
		PasswordHash: c.PasswordHash,
		Event:        actor.event(OperationCreateUser, now, created, fields),
	}, nil
}
