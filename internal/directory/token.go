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

// HashToken returns what is stored of a token. A token is 256 random bits, or the
// operator's of 32 characters and more: no salt and no slow hash is needed.
func HashToken(secret string) TokenHash { return sha256.Sum256([]byte(secret)) }

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
	TokenMade     TokenKind = "made"     // by the command line or the first start
	TokenOperator TokenKind = "operator" // given in the settings; only a start ends it
)

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
func (s *Service) CreateToken(ctx context.Context, user UserID, name string, life time.Duration) (string, User, error) {
	secret, err := s.newSecret()
	if err != nil {
		return "", User{}, err
	}
	now := s.Now()
	t := NewToken{
		Token: Token{UserID: user, Name: name, Kind: TokenMade, Created: now},
		Hash:  HashToken(secret),
	}
	if life > 0 {
		t.Expires = now.Add(life)
	}
	owner, err := s.Store.CreateToken(ctx, t, Event{At: now, Operation: OperationCreateToken})
	return secret, owner, err
}

// Tokens lists tokens by number, of one user or, for 0, of all; for the command line.
func (s *Service) Tokens(ctx context.Context, user UserID) ([]Token, error) {
	return s.Store.Tokens(ctx, user)
}

// RevokeToken ends a token, for the command line. CodeNotFound: no such token, or the operator's.
func (s *Service) RevokeToken(ctx context.Context, id int64) error {
	return s.Store.RevokeToken(ctx, id, Event{At: s.Now(), Operation: OperationRevokeToken})
}
