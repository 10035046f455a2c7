package mock

import (
	"net/http"

	"userapi/internal/contract"
)

// recorder is a writer of an answer that remembers the status, and the body if it is a problem.
type recorder struct {
	http.ResponseWriter
	status     int // 0: none was written
	problem    []byte
	throwsAway bool // nothing is sent to the client
}

// throwAway returns a writer that sends nothing to the client. If the journal records what w writes, it goes on to do so.
func throwAway(w http.ResponseWriter) http.ResponseWriter {
	recorded, isRecorder := w.(*recorder)
	if !isRecorder {
		recorded = &recorder{ResponseWriter: w}
	}
	recorded.throwsAway = true
	return recorded
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	if !r.throwsAway {
		r.ResponseWriter.WriteHeader(status)
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(body []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.Header().Get("Content-Type") == problemType && len(r.problem)+len(body) <= contract.MaxBody {
		r.problem = append(r.problem, body...)
	}
	if r.throwsAway {
		return len(body), nil
	}
	return r.ResponseWriter.Write(body)
}

// FlushError is what [http.ResponseController.Flush] calls.
func (r *recorder) FlushError() error {
	if r.throwsAway {
		return nil
	}
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Unwrap is what [http.ResponseController] calls to set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
