package directory

import (
	"context"
	"time"
)

// Start is what a server passes to the store when it starts: user 1 and the event of its
// creation, which are stored if the directory is empty, and at most one token of user 1. If the
// directory is empty and there is no token, nothing is stored.
type Start struct {
	At       time.Time
	Admin    User
	Event    Event     // of the creation of the admin
	Operator *NewToken // replaces the operator's token of the last start; nil: only ends that token
	Made     *NewToken // stored if the directory is empty; nil if Operator is set
}

// Started is what a start has changed.
type Started struct {
	First           bool // the directory was empty
	OperatorEnded   bool // an operator's token of an earlier start has ended
	OperatorRefused bool // the operator's token is not accepted: user 1 is not active or was deleted
}

// Start prepares the directory for a server. If the directory is empty, Start creates user
// 1, a system administrator named admin in the enterprise default, without password. Its
// token is the operator's, or a new one if the operator gives none.
//
// Start calls save with the new token before it stores anything, because a unit may run
// twice, and its commit may fail. If save fails, nothing changes. If Start fails after save
// has returned nil, or Started.First is false because another server was faster, the new
// token is not valid: the caller must remove what save has written.
func (s *Service) Start(ctx context.Context, operator string, save func(secret string) error) (Started, error) {
	now := s.Now()
	active := true
	admin := User{
		ID: 1, Version: 1, NickName: "admin", EnterpriseID: "default",
		Role: RoleSystemAdministrator, IsActive: &active, CreateTime: now,
	}
	created := Facts{Target: admin}.event(OperationCreateUser, now, FieldNickName, FieldEnterpriseID, FieldIsActive, FieldRole)
	start := Start{At: now, Admin: admin, Event: *created}
	if operator != "" {
		start.Operator = &NewToken{
			Token: Token{UserID: admin.ID, Name: "operator", Kind: TokenOperator, Created: now},
			Hash:  HashToken(operator),
		}
	}
	started, err := s.Store.Start(ctx, start)
	if err != nil || !started.First || start.Operator != nil {
		return started, err
	}
	secret, err := s.newSecret()
	if err != nil {
		return Started{}, err
	}
	if err := save(secret); err != nil {
		return Started{}, err
	}
	start.Made = &NewToken{
		Token: Token{UserID: admin.ID, Name: "first start", Kind: TokenMade, Created: now},
		Hash:  HashToken(secret),
	}
	return s.Store.Start(ctx, start)
}

// HasEnded reports whether the token is not stored: it has ended, or its owner was deleted. A server
// asks it about the operator's token, which any later start of a server may end.
func (s *Service) HasEnded(ctx context.Context, secret string) (bool, error) {
	_, err := s.Store.Principal(ctx, HashToken(secret))
	if IsCode(err, CodeUnauthenticated) {
		return true, nil
	}
	return false, err
}
