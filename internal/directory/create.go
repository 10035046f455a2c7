package directory

import (
	"context"
	"time"
)

// NewUser is a user to be created.
type NewUser struct {
	NickName     string
	Password     string
	EnterpriseID string
	Role         Role
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
	if n.Role != RoleUser {
		fields = append(fields, FieldRole)
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
func (c Creation) Plan(facts Facts) (Change, error) {
	now, actor, fields := c.Now(), facts.Actor, c.User.fields()
	if err := actor.Valid(now); err != nil {
		return Change{}, err
	}
	if err := AllowIn(OperationCreateUser, actor.User, c.User.EnterpriseID, FieldEnterpriseID); err != nil {
		return Change{}, err
	}
	if err := allowFields(OperationCreateUser, actor.User, fields); err != nil {
		return Change{}, err
	}
	facts.Target = User{
		Version:      1,
		NickName:     c.User.NickName,
		EnterpriseID: c.User.EnterpriseID,
		Role:         c.User.Role,
		Email:        c.User.Email,
		Phone:        c.User.Phone,
		IsActive:     c.User.IsActive,
		Origion:      c.User.Origion,
		CreateTime:   now,
		ClientIP:     actor.Address,
	}
	return Change{
		User:         facts.Target,
		Fields:       fields,
		PasswordHash: c.PasswordHash,
		Event:        facts.event(OperationCreateUser, now, fields...),
	}, nil
}

// CreateUser creates a user. Administrators and the command line may call it.
// CodeForbidden, CodeEmailTaken, CodeNickNameTaken, CodeUnavailable.
func (s *Service) CreateUser(ctx context.Context, p Principal, n NewUser) (User, error) {
	c := Creation{User: n, Now: s.Now}
	// Hashing is expensive: it is done only for what would be allowed now. The unit decides again.
	if _, err := c.Plan(Facts{Actor: p}); err != nil {
		return User{}, err
	}
	hash, err := s.Hasher.Hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	c.PasswordHash = hash
	return s.Store.Change(ctx, p, 0, c.Plan)
}
