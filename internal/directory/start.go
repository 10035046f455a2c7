package directory

import (
	"context"
	"time"
)

// Start is what a starting server brings: user 1 and its first token, needed if the
// directory is empty, and the operator's token, which replaces the one of the last start.
type Start struct {
	At       time.Time
	Admin    User
	Event    Event        // of the creation of the admin
	Operator *NewToken    // nil: none is given, and one of an earlier start ends
	Made     *NewToken    // stored if the directory is empty; nil if Operator is not
	KeepMade func() error // hands the made token to the operator, inside the unit
}

// Started is what a start has changed.
type Started struct {
	First           bool // the directory was empty
	OperatorEnded   bool // an operator's token of an earlier start has ended
	OperatorRefused bool // the operator's token is of no use: user 1 is not active or gone
}

// Start prepares the directory for a server. On an empty directory it creates user 1,
// a system administrator named admin in the enterprise default, without password; its
// token is the operator's, or else a new one, which keep receives before it counts.
func (s *Service) Start(ctx context.Context, operator string, keep func(secret string) error) (Started, error) {
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
			Hash:  hashToken(operator),
		}
		return s.Store.Start(ctx, start)
	}
	secret, err := s.newSecret()
	if err != nil {
		return Started{}, err
	}
	start.Made = &NewToken{
		Token: Token{UserID: admin.ID, Name: "first start", Kind: TokenMade, Created: now},
		Hash:  hashToken(secret),
	}
	start.KeepMade = func() error { return keep(secret) }
	return s.Store.Start(ctx, start)
}
