package directory

import (
	"context"
	"time"
)

// NewUser is a user to create.
type NewUser struct {
	NickName     string
	Password     string
	EnterpriseID string
	Role         Role
	Email        *string // nil: none
	Phone        string  // "": none
	IsActive     *bool   // nil: not decided yet
	Origion      *string // nil: not given
}

// fields returns the fields that are set, for the policy and the audit.
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

// creation is one request to create a user. Its decide method is a [Decide].
type creation struct {
	User         NewUser
	PasswordHash string
	Now          func() time.Time // called for each decision
}

// decide fails with [CodeUnauthenticated] if the actor's token is not valid, and with
// [CodeForbidden] if the policy does not allow the enterprise or a field.
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

// CreateUser creates a user. Administrators, system administrators and the command line may
// call it. It fails with [CodeTooManyRequests] if n has an e-mail address and too many that the principal
// has named were taken. It fails with [CodeEmailTaken] if another user has the address, and with
// [CodeNickNameTaken] if another user of the enterprise has the name.
func (s *Service) CreateUser(ctx context.Context, p Principal, n NewUser) (User, error) {
	c := creation{User: n, Now: s.Now}
	limits := takenLimits(p, n.Email != nil)
	if _, err := s.checkFailures(ctx, limits); err != nil {
		return User{}, err
	}
	facts, err := s.Store.Facts(ctx, p, 0)
	if err != nil {
		return User{}, err
	}
	// Hashing is expensive, so decide first whether the user may be created. The unit decides
	// again.
	if _, err := c.decide(facts); err != nil {
		return User{}, err
	}
	hash, err := s.hash(ctx, p, n.Password)
	if err != nil {
		return User{}, err
	}
	c.PasswordHash = hash
	return s.changeWithin(ctx, limits, p, 0, c.decide)
}
