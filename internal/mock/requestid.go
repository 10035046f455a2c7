package mock

import (
	"strconv"
	"sync/atomic"
)

// RequestIDs makes ids of requests that count from 1.
type RequestIDs struct{ last atomic.Int64 }

// Next returns the next id. It is safe for concurrent use.
func (r *RequestIDs) Next() string { return strconv.FormatInt(r.last.Add(1), 10) }
