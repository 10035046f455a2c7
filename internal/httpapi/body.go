package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"userapi/gen/api"
)

// shortBody is up to which length memory is kept ready for a body before it arrives.
const shortBody = 4 << 10

// readBody returns the body; nil if it is empty, however that is said. Its media type
// is looked at before it is read, and only if it is not empty.
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
	if err := checkMediaType(r.Header, w.Header()); err != nil {
		return nil, err
	}
	if r.ContentLength > maxBody {
		return nil, &requestError{Code: api.ProblemCodeContentTooLarge}
	}
	if 0 < r.ContentLength && r.ContentLength <= shortBody {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(sent, body); err != nil {
			return nil, malformedBody(err)
		}
		return body, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, sent, maxBody))
	if err != nil {
		return nil, readError(err)
	}
	return body, nil
}

// readError says why a body ended early. io.EOF: it was empty, which is no error.
func readError(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &requestError{Code: api.ProblemCodeContentTooLarge}
	}
	return malformedBody(err)
}

// malformedBody is for a connection that broke or timed out, or for malformed chunks
// (RFC 9112 §7.1).
func malformedBody(err error) error {
	return &requestError{Code: api.ProblemCodeMalformedJSON, Detail: "The body did not arrive whole, or not in time.", Err: err}
}

// checkMediaType accepts application/json in UTF-8, not encoded.
func checkMediaType(request, response http.Header) error {
	if len(request[echo.HeaderContentEncoding]) > 0 {
		response.Set(echo.HeaderAcceptEncoding, "identity")
		return &requestError{Code: api.ProblemCodeUnsupportedMediaType}
	}
	lines := request[echo.HeaderContentType]
	if len(lines) != 1 {
		return &requestError{Code: api.ProblemCodeUnsupportedMediaType}
	}
	mediaType, parameters, err := mime.ParseMediaType(lines[0])
	charset, named := parameters["charset"]
	if err != nil || mediaType != echo.MIMEApplicationJSON || named && !strings.EqualFold(charset, "utf-8") {
		return &requestError{Code: api.ProblemCodeUnsupportedMediaType}
	}
	return nil
}

// decode reads one JSON text strictly (RFC 8259; RFC 7493 §2.1 and §2.3): valid UTF-8
// without byte order mark or lone surrogates, no member twice, nothing behind it.
func decode(body []byte) (any, error) {
	if len(body) == 0 {
		return nil, &requestError{Code: api.ProblemCodeMalformedJSON, Faults: []api.Fault{{
			Code: api.FaultCodeSyntax, Detail: "Send a body.",
		}}}
	}
	var value any
	err := json.Unmarshal(body, &value)
	if _, semantic := errors.AsType[*json.SemanticError](err); semantic {
		err = json.Unmarshal(body, &value, hugeNumbers())
	}
	if err == nil {
		return value, nil
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		fault := api.Fault{
			Pointer: pointer(syntax.JSONPointer.Tokens()),
			Code:    api.FaultCodeSyntax,
			Detail:  fmt.Sprintf("This is not JSON in UTF-8 at or after byte %d.", syntax.ByteOffset),
		}
		if errors.Is(err, jsontext.ErrDuplicateName) {
			fault.Code, fault.Detail = api.FaultCodeDuplicateMember, "Name this member once."
		}
		return nil, &requestError{Code: api.ProblemCodeMalformedJSON, Faults: []api.Fault{fault}}
	}
	return nil, err
}

// hugeNumbers reads a number beyond the 64-bit floats as the largest one: it is JSON
// (RFC 8259 §6), and for the schema to refuse.
func hugeNumbers() json.Options {
	return json.WithUnmarshalers(json.UnmarshalFromFunc(func(from *jsontext.Decoder, into *any) error {
		if from.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		number, err := from.ReadValue()
		value, _ := strconv.ParseFloat(string(number), 64) // infinite if it is beyond
		*into = max(-math.MaxFloat64, min(value, math.MaxFloat64))
		return err
	}))
}

// bind reads JSON that decode and the contract have passed into a generated struct.
// Names are matched letter by letter.
func bind(body []byte, into any) error {
	if len(body) == 0 {
		return io.EOF
	}
	err := json.Unmarshal(body, into)
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		// The validator takes 2.0 and 2e0 for integers. To OpenAPI 3.0 they are none.
		return &requestError{Code: api.ProblemCodeInvalidRequest, Faults: []api.Fault{{
			Pointer: pointer(semantic.JSONPointer.Tokens()), Code: api.FaultCodeType, Detail: "Send an integer in digits.",
		}}}
	}
	return err
}
