package directory

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of failure. The contract lists all codes in its schema ProblemCode.
type Code string

// The codes of this package.
const (
	CodeUnauthenticated          Code = "unauthenticated"
	CodeInvalidCredentials       Code = "invalid_credentials" //nolint:gosec // an error code, not a credential
	CodeForbidden                Code = "forbidden"
	CodeReauthenticationRequired Code = "reauthentication_required"
	CodeNotFound                 Code = "not_found"
	CodeEmailTaken               Code = "email_taken"
	CodeNickNameTaken            Code = "nick_name_taken"
	CodeOwnAccount               Code = "own_account" // you cannot do this to yourself
	CodeLastAdministrator        Code = "last_administrator"
	CodeEnterpriseMismatch       Code = "enterprise_mismatch"  // the request does not name the user's enterprise
	CodeSystemAdministrator      Code = "system_administrator" // a system administrator cannot become an administrator
	CodeOperatorToken            Code = "operator_token"       // only a start of the server ends the operator's token
	CodePreconditionFailed       Code = "precondition_failed"
	CodeTooManyRequests          Code = "too_many_requests"
	CodeUnavailable              Code = "unavailable"
)

// Error is a failure that a client can act on. Err is for the log only. Everything else is for
// the client.
type Error struct {
	Code       Code
	Fields     []Field       // the fields at fault, if any
	RetryAfter time.Duration // with CodeTooManyRequests: how long to wait; 0: not known
	Refusal    Refusal       // the limit or the queue that has no room; "": none
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

// Refusal names what had no room for a request. It is for metrics.
type Refusal string

// The limits and the queues.
const (
	RefusalWriterQueue  Refusal = "writer_queue"
	RefusalHashQueue    Refusal = "hash_queue"
	RefusalSearchQueue  Refusal = "search_queue"
	RefusalEmailQueue   Refusal = "email_queue"
	RefusalLogInLimit   Refusal = "login_limit"
	RefusalEmailLimit   Refusal = "email_limit"
	RefusalRateLimit    Refusal = "rate_limit"
	RefusalRequestLimit Refusal = "request_limit"
)

// ErrQueueFull is wrapped by an [Error] with [CodeUnavailable] if too many requests wait.
var ErrQueueFull = errors.New("the queue is full")

// NewQueueFullError returns an error that wraps [ErrQueueFull]. Queue and what tell which queue it is. A [Gate]
// does not know its queue, which is "" then.
func NewQueueFullError(queue Refusal, what string) error {
	return &Error{Code: CodeUnavailable, Refusal: queue, Err: fmt.Errorf("%w: %s", ErrQueueFull, what)}
}

// IsCode reports whether err is or wraps an [Error] with this code.
func IsCode(err error, code Code) bool {
	failure, ok := errors.AsType[*Error](err)
	return ok && failure.Code == code
}
