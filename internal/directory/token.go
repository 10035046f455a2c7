package directory

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"time"
)

// TokenHash is the SHA-256 of a token; the token itself is not kept.
type TokenHash [sha256.Size]byte

// hashToken returns what is stored of a token. A token is 256 random bits, or the
// operator's of 32 characters and more: no salt and no slow hash is needed.
func hashToken(secret string) TokenHash { return sha256.Sum256([]byte(secret)) }

// newSecret draws 256 random bits and returns them as a token.
func (s *Service) newSecret() (string, error) {
	bits := make([]byte, 32)
	if _, err := io.ReadFull(s.Random, bits); err != nil {
		return "", fmt.Errorf("draw a token: %w", err)
	}
	return "ua_" + base64.RawURLEncoding.EncodeToString(bits), nil
}

// TokenKind says where a token comes from.
type TokenKind string

// The kinds of tokens.
const (
	TokenLogIn    TokenKind = "login"    // for a name and a password
	TokenMade     TokenKind = "made"     // by the command line or the first start
	TokenOperator TokenKind = "operator" // given in the settings; only a start ends it
)

// MaxLogIns is how many log-in tokens of a user live: one more ends the oldest.
const MaxLogIns = 50

// Token is what is known of a token.
type Token struct {
	ID      int64
	UserID  UserID
	Name    string
	Kind    TokenKind
	Created time.Time
	Expires time.Time // zero: never
}

// NewToken is a token to be stored.
type NewToken struct {
	Token
	Hash TokenHash
}

// CreateToken makes a token for a user, for the command line, and returns it with its
// owner, who may be not active. A life of 0 has no end. CodeNotFound: no such user.
func (s *Service) CreateToken(ctx context.Context, id UserID, name string, life time.Duration) (string, User, error) {
	secret, err := s.newSecret()
	if err != nil {
		return "", User{}, err
	}
	owner, err := s.Store.Change(ctx, Operator(), id, func(facts Facts) (Change, error) {
		now := s.Now()
		if err := facts.allow(now, OperationCreateToken); err != nil {
			return Change{}, err
		}
		t := NewToken{
			Token: Token{UserID: id, Name: name, Kind: TokenMade, Created: now},
			Hash:  hashToken(secret),
		}
		if life > 0 {
			t.Expires = now.Add(life)
		}
		return Change{User: facts.Target, Token: &t, Event: facts.event(OperationCreateToken, now)}, nil
	})
	return secret, owner, err
}

// Tokens lists tokens by number, of one user or, for 0, of all; for the command line.
func (s *Service) Tokens(ctx context.Context, user UserID) ([]Token, error) {
	return s.Store.Tokens(ctx, user)
}

// RevokeToken ends a token, for the command line. CodeNotFound: no such token.
// CodeOperatorToken: it is the operator's.
func (s *Service) RevokeToken(ctx context.Context, id int64) error {
	t, err := s.Store.Token(ctx, id)
	if err != nil {
		return err
	}
	return s.endToken(ctx, Operator(), OperationRevokeToken, t)
}

func (s *Service) endToken(ctx context.Context, p Principal, op Operation, t Token) error {
	_, err := s.Store.Change(ctx, p, t.UserID, func(facts Facts) (Change, error) {
		now := s.Now()
		if err := facts.allow(now, op); err != nil {
			return Change{}, err
		}
		if t.Kind == TokenOperator {
			return Change{}, &Error{Code: CodeOperatorToken}
		}
		return Change{User: facts.Target, EndToken: t.ID, Event: facts.event(op, now)}, nil
	})
	return err
}
