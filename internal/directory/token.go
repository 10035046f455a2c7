package directory

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"time"
)

// TokenHash is the SHA-256 hash of a token. The token itself is not stored.
type TokenHash [sha256.Size]byte

// HashToken returns the hash of a token. A token has 256 random bits, or is the operator's and
// has 32 or more characters. So it needs neither a salt nor a slow hash.
func HashToken(secret string) TokenHash { return sha256.Sum256([]byte(secret)) }

// newSecret returns a new token: "ua_" and 256 random bits in base64url (RFC 4648 §5).
func (s *Service) newSecret() (string, error) {
	bits := make([]byte, 32)
	if _, err := io.ReadFull(s.Random, bits); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return "ua_" + base64.RawURLEncoding.EncodeToString(bits), nil
}

// TokenKind says where a token came from.
type TokenKind string

// The kinds of tokens.
const (
	TokenLogIn    TokenKind = "login"    // from a log-in
	TokenMade     TokenKind = "made"     // from the command line or the first start
	TokenOperator TokenKind = "operator" // from the server's settings; only a start of the server ends it
)

// MaxLogIns is how many log-in tokens a user can have. One more log-in ends the oldest.
const MaxLogIns = 50

// Token describes a token without its secret and its hash.
type Token struct {
	ID      int64  // 0: the store sets it
	UserID  UserID // the owner
	Name    string
	Kind    TokenKind
	Created time.Time
	Expires time.Time // zero: never
}

// NewToken is a token to store.
type NewToken struct {
	Token
	Hash TokenHash
}

// CreateToken makes a token for a user. It returns the token and its owner, who may be
// inactive. A token with a life of 0 never expires. It is for the command line. It fails with
// [CodeNotFound] if the user does not exist.
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
			Hash:  HashToken(secret),
		}
		if life > 0 {
			t.Expires = now.Add(life)
		}
		return Change{User: facts.Target, Token: &t, Event: facts.event(OperationCreateToken, now)}, nil
	})
	return secret, owner, err
}

// Tokens returns the tokens of a user in the order of their numbers. A user of 0 stands for
// all users. It is for the command line.
func (s *Service) Tokens(ctx context.Context, user UserID) ([]Token, error) {
	return s.Store.Tokens(ctx, user)
}

// RevokeToken ends a token. It is for the command line. It fails with [CodeNotFound] if no
// token has this number, and with [CodeOperatorToken] if the token is the operator's.
func (s *Service) RevokeToken(ctx context.Context, id int64) error {
	t, err := s.Store.Token(ctx, id)
	if err != nil {
		return err
	}
	return s.endToken(ctx, Operator(), OperationRevokeToken, t)
}

// endToken ends a token unless it is the operator's.
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
