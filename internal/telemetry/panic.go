package telemetry

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is a recovered panic as an error. Its text has the stack. It has the panic's value
// only if that is an error of the Go runtime. Otherwise it has only the type, because the value
// may come from a client.
type PanicError struct {
	value any
	stack []byte
}

// NewPanicError returns an error for a value that recover returned. Call it in the deferred
// function itself, so that the stack is the panic's.
func NewPanicError(value any) *PanicError { return &PanicError{value: value, stack: debug.Stack()} }

func (e *PanicError) Error() string {
	if err, ok := e.value.(error); ok {
		if failure, ok := errors.AsType[runtime.Error](err); ok {
			return fmt.Sprintf("panic: %v\n%s", failure, e.stack)
		}
	}
	return fmt.Sprintf("panic: %T\n%s", e.value, e.stack)
}
