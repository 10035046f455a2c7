package store

import "userapi/internal/directory"

// The unique indexes that a client can violate. They have these names in every dialect.
const (
	UniqueEmail    = "users_email"
	UniqueNickName = "users_nick_name"
)

// Taken returns the [directory.Error] for a violated unique index, or the cause itself if it is
// another constraint, which is a fault of the server.
func Taken(constraint string, cause error) error {
	switch constraint {
	case UniqueEmail:
		return &directory.Error{Code: directory.CodeEmailTaken, Fields: []directory.Field{directory.FieldEmail}, Err: cause}
	case UniqueNickName:
		return &directory.Error{Code: directory.CodeNickNameTaken, Fields: []directory.Field{directory.FieldNickName}, Err: cause}
	}
	return cause
}
