package directory

import "fmt"

// Code names a kind of failure. The contract lists the same names as ProblemCode.
type Code string

// The failures that the directory itself tells apart.
const (
	CodeUnauthenticated    Code = "unauthenticated"
	CodeForbidden          Code = "forbidden"
	CodeNotFound           Code = "not_found"
	CodeEmailTaken         Code = "email_taken"
	CodeNickNameTaken      Code = "nick_name_taken"
	CodeOwnAccount         Code = "own_account"
	CodePreconditionFailed Code = "precondition_failed"
	CodeUnavailable        Code = "unavailable"
)

// Error has two readers: Code and Fields are for the client, Err is for the log only.
type Error struct {
	Code   Code
	Fields []Field // the members at fault; empty where the failure is in none
	Err    error   // the cause, or nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Code, e.Err)
	}
	if len(e.Fields) > 0 {
		return fmt.Sprintf("%s: %v", e.Code, e.Fields)
	}
	return string(e.Code)
}

func (e *Error) Unwrap() error { return e.Err }
