package httpapi

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"userapi/gen/api"
	"userapi/internal/contract"
)

// shortBody is the length up to which memory for a body is allocated before it arrives, in bytes.
const shortBody = 4 << 10

// closed is the value of Connection that ends the connection after the answer.
var closed = []string{"close"}

// watchedBody is the body of a request.
type watchedBody struct {
	io.ReadCloser
	ended bool // the body was read to its end
}

// Read implements io.Reader.
func (b *watchedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// doNotWaitForBody lets the server send a refusal before the body has arrived: net/http waits
// for the body unless the connection ends after the answer. The connection stays open if the
// body was read, or if it is not chunked and has arrived, unless the server drains. HTTP/2 needs none of this:
// net/http ends the request alone there, and to end the connection would end other requests.
func doNotWaitForBody(c echo.Context) {
	r, w := c.Request(), c.Response()
	if r.ContentLength == 0 || r.ProtoMajor > 1 {
		return
	}
	body := &watchedBody{ReadCloser: r.Body}
	r.Body = body
	drains := len(w.Header()[echo.HeaderConnection]) > 0
	w.Header()[echo.HeaderConnection] = closed
	w.Before(func() {
		if (body.ended || discard(body, r, w)) && !drains {
			w.Header().Del(echo.HeaderConnection)
		}
	})
}

// discard reads a body to its end and reports whether it has arrived and is not too long. Do not
// call it after the end: net/http then reads the next request, which the deadline would break.
func discard(body io.Reader, r *http.Request, w http.ResponseWriter) bool {
	chunked := r.ContentLength < 0       // a failed read would break it, and net/http could not read on
	asks := r.Header.Get("Expect") != "" // reading would ask the client for the body
	connection := http.NewResponseController(w)
	// With this deadline, a connection of NewListener does not wait.
	if chunked || asks || connection.SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	if _, err := io.CopyN(io.Discard, body, contract.MaxBody+1); errors.Is(err, io.EOF) {
		return true // net/http has removed the deadline
	}
	// After the answer, net/http reads on before it closes the connection: a client that still
	// sends its body would not see the answer otherwise.
	_ = connection.SetReadDeadline(time.Now().Add(readTimeout)) // it fails only if the connection is closed
	return false
}

// readBody returns the body. It returns nil if the length is 0 or a chunked body is empty. If
// there is a body, it checks the media type before it reads the body.
func readBody(r *http.Request, w http.ResponseWriter) ([]byte, error) {
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
		w.Header().Set(echo.HeaderAccept, contract.MediaType)
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
