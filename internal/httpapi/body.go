package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/internal/contract"
)

// shortBody is the length up to which memory for a body is allocated before it arrives, in bytes.
const shortBody = 4 << 10

// readBody returns the body. It returns nil if the length is 0 or a chunked body is empty. If
// there is a body, it checks the media type before it reads the body.
func readBody(r *http.Request, w http.ResponseWriter) ([]byte, error) {
	body, err := readWhole(r, w)
	if err == nil {
		w.Header().Del(echo.HeaderConnection)
	}
	return body, err
}

func readWhole(r *http.Request, w http.ResponseWriter) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	sent := r.Body
	if r.ContentLength < 0 {
		chunked := bufio.NewReader(r.Body)
		if _, err := chunked.Peek(1); err != nil {
			return nil, readError(err)
		}
		sent = io.NopCloser(chunked)
	}
	if err := contract.CheckContentCoding(r.Header); err != nil {
		w.Header().Set(echo.HeaderAcceptEncoding, "identity")
		return nil, err
	}
	if err := contract.CheckMediaType(r.Header); err != nil {
		if len(r.Header[echo.HeaderContentEncoding]) > 0 {
			w.Header().Set(echo.HeaderAcceptEncoding, "identity")
		}
		return nil, err
	}
	if r.ContentLength > contract.MaxBody {
		return nil, &requestError{Code: api.ProblemCodeContentTooLarge}
	}
	if 0 < r.ContentLength && r.ContentLength <= shortBody {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(sent, body); err != nil {
			return nil, incompleteBody(err)
		}
		return body, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, sent, contract.MaxBody))
	if err != nil {
		return nil, readError(err)
	}
	return body, nil
}

// readError returns the failure for an error of reading the body. It returns nil for [io.EOF],
// because the body was empty.
func readError(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &requestError{Code: api.ProblemCodeContentTooLarge}
	}
	return incompleteBody(err)
}

// incompleteBody is the failure for a connection that broke or timed out, and for malformed
// chunks (RFC 9112 §7.1).
func incompleteBody(err error) error {
	return &requestError{Code: api.ProblemCodeMalformedJSON, Detail: "The body did not arrive whole, or not in time. Send it again.", Err: err}
}
