package directory

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of failure. The contract lists the same names as ProblemCode.
type Code string

// The failures that the directory itself tells apart.
const (
	CodeUnauthenticated          Code = "unauthenticated"
	CodeInvalidCredentials       Code = "invalid_credentials" //nolint:gosec // it is none
	CodeForbidden                Code = "forbidden"
	CodeReauthenticationRequired Code = "reauthentication_required"
	CodeNotFound                 Code = "not_found"
	CodeEmailTaken               Code = "email_taken"
	CodeNickNameTaken            Code = "nick_name_taken"
	CodeOwnAccount               Code = "own_account"
	CodeLastAdministrator        Code = "last_administrator"
	CodeEnterpriseMismatch       Code = "enterprise_mismatch"
	CodeSystemAdministrator      Code = "system_administrator"
	CodeOperatorToken            Code = "operator_token"
	CodePreconditionFailed       Code = "precondition_failed"
	CodeTooManyRequests          Code = "too_many_requests"
	CodeUnavailable              Code = "unavailable"
)

// Error has two readers: Code and Fields are for the client, Err is for the log only.
type Error struct {
	Code       Code
	Fields     []Field       // the members at fault; empty where the failure is in none
	RetryAfter time.Duration // of CodeTooManyRequests
	Err        error         // the cause, or nil
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

// IsCode reports whether the error is a failure of this code.
func IsCode(err error, code Code) bool {
	failure, ok := errors.AsType[*Error](err)
	return ok && failure.Code == code
}
