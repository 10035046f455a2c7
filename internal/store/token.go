package store

import (
	"time"

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
	Expires *int64 // Unix time in microseconds; nil: never
}

// NewToken returns the row of a token without its number.
func NewToken(t directory.NewToken) Token {
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

// Token returns the token in the row.
func (row Token) Token() directory.Token {
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
