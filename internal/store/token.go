package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// Token is a row of tokens.
type Token struct {
	ID      int64
	Hash    []byte
	UserID  int32
	Name    string
	Kind    string
	Created int64  // Unix time in microseconds
	Expires *int64 // likewise; nil: never
}

func newToken(t directory.NewToken) Token {
	row := Token{
		Hash:    t.Hash[:],
		UserID:  int32(t.UserID),
		Name:    t.Name,
		Kind:    string(t.Kind),
		Created: t.Created.UnixMicro(),
	}
	if !t.Expires.IsZero() {
		expires := t.Expires.UnixMicro()
		row.Expires = &expires
	}
	return row
}

func (row Token) token() directory.Token {
	t := directory.Token{
		ID:      row.ID,
		UserID:  directory.UserID(row.UserID),
		Name:    row.Name,
		Kind:    directory.TokenKind(row.Kind),
		Created: time.UnixMicro(row.Created).UTC(),
	}
	if row.Expires != nil {
		t.Expires = time.UnixMicro(*row.Expires).UTC()
	}
	return t
}

// findPrincipal returns the token that the condition selects, and its owner.
func findPrincipal(db *gorm.DB, condition string, argument any) (directory.Principal, error) {
	var row struct {
		Token Token `gorm:"embedded;embeddedPrefix:token_"`
		User  User  `gorm:"embedded"`
	}
	err := db.Raw(`SELECT t.id AS token_id, t.user_id AS token_user_id, t.name AS token_name, t.kind AS token_kind,
		t.created AS token_created, t.expires AS token_expires, u.*
		FROM tokens t JOIN users u ON u.id = t.user_id WHERE `+condition, argument).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return directory.Principal{}, &directory.Error{Code: directory.CodeUnauthenticated}
	}
	if err != nil {
		return directory.Principal{}, translate(err)
	}
	user, err := row.User.user()
	return directory.Principal{User: user, Token: row.Token.token()}, err
}

// Principal implements directory.Store.
func (s *Store) Principal(ctx context.Context, hash directory.TokenHash) (directory.Principal, error) {
	return findPrincipal(s.read(ctx), "t.hash = ?", hash[:])
}

// findActor reads the principal anew: what it was when the request came in no longer counts.
func findActor(tx *gorm.DB, p directory.Principal) (directory.Principal, error) {
	actor, err := findPrincipal(tx, "t.id = ?", p.Token.ID)
	if err != nil {
		return directory.Principal{}, err
	}
	actor.RequestID, actor.Address = p.RequestID, p.Address
	return actor, nil
}

// endTokens ends the tokens of a user but for the one that is used and the operator's.
func endTokens(tx *gorm.DB, user directory.UserID, used int64) error {
	return tx.Where("user_id = ? AND id <> ? AND kind <> ?", user, used, directory.TokenOperator).Delete(&Token{}).Error
}

// CreateToken implements directory.Store.
func (s *Store) CreateToken(ctx context.Context, t directory.NewToken, event directory.Event) (owner directory.User, err error) {
	err = s.unit(ctx, func(tx *gorm.DB) error {
		if owner, err = findUser(tx, t.UserID); err != nil {
			return err
		}
		row := newToken(t)
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return insertTokenEvent(tx, event, owner)
	})
	return owner, err
}

func insertTokenEvent(tx *gorm.DB, event directory.Event, owner directory.User) error {
	event.TargetID, event.EnterpriseID = owner.ID, owner.EnterpriseID
	return insertEvent(tx, event)
}

// Tokens implements directory.Store.
func (s *Store) Tokens(ctx context.Context, user directory.UserID) ([]directory.Token, error) {
	query := s.read(ctx).Omit("hash").Order("id")
	if user != 0 {
		query = query.Where("user_id = ?", user)
	}
	var rows []Token
	if err := query.Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	tokens := make([]directory.Token, len(rows))
	for i, row := range rows {
		tokens[i] = row.token()
	}
	return tokens, nil
}

// RevokeToken implements directory.Store.
func (s *Store) RevokeToken(ctx context.Context, id int64, event directory.Event) error {
	return s.unit(ctx, func(tx *gorm.DB) error {
		var row Token
		if err := tx.Take(&row, "id = ? AND kind <> ?", id, directory.TokenOperator).Error; err != nil {
			return err
		}
		owner, err := findUser(tx, directory.UserID(row.UserID))
		if err != nil {
			return err
		}
		if err := tx.Delete(&row).Error; err != nil {
			return err
		}
		return insertTokenEvent(tx, event, owner)
	})
}
