package mock

import (
	"fmt"
	"sync/atomic"
)

// RequestIDs makes ids of requests that count from 1. Each has 26 digits, because the contract asks for 26 characters.
type RequestIDs struct{ last atomic.Int64 }

// Next returns the next id. It is safe for concurrent use.
func (r *RequestIDs) Next() string { return fmt.Sprintf("%026d", r.last.Add(1)) }
