package telemetry

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is a panic as an error. Its text shows a failure of the Go runtime, but
// no other value: that may be a client's.
type PanicError struct {
	value any
	stack []byte
}

// NewPanicError returns what was recovered as an error, with the stack of the panic if
// it is called by what was deferred.
func NewPanicError(value any) *PanicError { return &PanicError{value: value, stack: debug.Stack()} }

func (e *PanicError) Error() string {
	if err, ok := e.value.(error); ok {
		if failure, ok := errors.AsType[runtime.Error](err); ok {
			return fmt.Sprintf("panic: %v\n%s", failure, e.stack)
		}
	}
	return fmt.Sprintf("panic: %T\n%s", e.value, e.stack)
}
