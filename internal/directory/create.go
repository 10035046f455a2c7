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

// fields returns the members that are set, for the policy and the audit.
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

// creation is one request to create a user.
type creation struct {
	User         NewUser
	PasswordHash string
	Now          func() time.Time // read in the unit
}

// decide is a Decide. It fails with CodeUnauthenticated or CodeForbidden.
func (c creation) decide(facts Facts) (Change, error) {
	now, actor, fields := c.Now(), facts.Actor, c.User.fields()
	if err := actor.checkValid(now); err != nil {
		return Change{}, err
	}
	if err := allowInEnterprise(OperationCreateUser, actor.User, c.User.EnterpriseID, FieldEnterpriseID); err != nil {
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
		PasswordHash: c.PasswordHash,
		Event:        facts.event(OperationCreateUser, now, fields...),
	}, nil
}

// CreateUser creates a user. Administrators and the command line may call it.
// CodeForbidden, CodeEmailTaken, CodeNickNameTaken, CodeUnavailable.
func (s *Service) CreateUser(ctx context.Context, p Principal, n NewUser) (User, error) {
	c := creation{User: n, Now: s.Now}
	facts, err := s.Store.Facts(ctx, p, 0)
	if err != nil {
		return User{}, err
	}
	// Hashing is expensive: it is done only for what would be allowed now. The unit decides again.
	if _, err := c.decide(facts); err != nil {
		return User{}, err
	}
	hash, err := s.Hasher.Hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	c.PasswordHash = hash
	return s.Store.Change(ctx, p, 0, c.decide)
}
