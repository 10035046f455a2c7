package contract

import (
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// MaxBody is the length of the longest body that the contract allows, in bytes.
const MaxBody = 64 << 10

// Code is the kind of a violation. The contract lists the same names in ProblemCode.
type Code string

// The violations that this package finds.
const (
	CodeMalformedJSON        Code = "malformed_json"
	CodeMalformedHeader      Code = "malformed_header"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeInvalidRequest       Code = "invalid_request"
)

// Violation is a request that the contract does not allow.
type Violation struct {
	Code   Code
	Detail string  // what to do about it; "": nothing beyond the code and the faults
	Faults []Fault // at most [MaxFaults]
}

func (v *Violation) Error() string { return fmt.Sprintf("%s: %s %v", v.Code, v.Detail, v.Faults) }

// Request is the part of a request that an operation describes.
type Request struct {
	Header   http.Header
	RawQuery string
	Body     []byte // empty: the request has no body
}

// MediaType is the only media type of request bodies.
const MediaType = "application/json"

// CheckContentCoding fails with a [Violation] if a body is sent with a content coding.
func CheckContentCoding(header http.Header) error {
	if len(header["Content-Encoding"]) > 0 {
		return &Violation{Code: CodeUnsupportedMediaType}
	}
	return nil
}

// CheckMediaType fails with a [Violation] unless a body is sent as [MediaType] in UTF-8.
func CheckMediaType(header http.Header) error {
	refused := &Violation{Code: CodeUnsupportedMediaType}
	lines := header["Content-Type"]
	if len(lines) != 1 {
		return refused
	}
	mediaType, parameters, err := mime.ParseMediaType(lines[0])
	charset, named := parameters["charset"]
	if err != nil || mediaType != MediaType || named && !strings.EqualFold(charset, "utf-8") {
		return refused
	}
	return nil
}

// Check fails with a [Violation] if the request is not what the operation asks for: first for
// a malformed header, then for a body that is not JSON, then for all faults against the
// schemas at once. Any other error is a fault of the server.
func (o *Operation) Check(r Request) error {
	if err := o.checkHeaders(r.Header); err != nil {
		return err
	}
	faults, err := o.checkQuery(r.RawQuery)
	if err != nil {
		return err
	}
	if o.body != nil && (len(r.Body) > 0 || o.bodyRequired) {
		value, err := decode(r.Body)
		if err != nil {
			return err
		}
		found, err := findFaults(o.body, value)
		if err != nil {
			return err
		}
		faults = append(faults, found...)
	}
	if len(faults) > 0 {
		return &Violation{Code: CodeInvalidRequest, Faults: faults[:min(len(faults), MaxFaults)]}
	}
	return nil
}

// checkHeaders treats several lines of a header as one list (RFC 9110 §5.3).
func (o *Operation) checkHeaders(header http.Header) error {
	for _, name := range o.headerNames {
		lines, sent := header[name]
		if !sent {
			continue
		}
		schema := o.headers[name]
		if err := schema.VisitJSON(strings.Join(lines, ", "), requestOptions...); err != nil {
			return &Violation{Code: CodeMalformedHeader, Detail: fmt.Sprintf("%s is malformed. Send %s.", name, form(schema))}
		}
	}
	return nil
}

// checkQuery returns the faults of the parameters that the operation names, sorted by name.
// It ignores other parameters.
func (o *Operation) checkQuery(raw string) (faults []Fault, err error) {
	if len(o.query) == 0 {
		return nil, nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return []Fault{{Code: FaultSyntax, Detail: "Send percent-encoded NAME=VALUE pairs, separated by &."}}, nil //nolint:nilerr // the fault tells the client, so it is not an error of the server
	}
	for _, name := range o.queryNames {
		values, sent := query[name]
		if !sent {
			continue
		}
		found, err := checkParameter(o.query[name], values)
		if err != nil {
			return nil, err
		}
		for _, fault := range found {
			fault.Parameter = name
			faults = append(faults, fault)
		}
	}
	return faults, nil
}

// integer matches an integer as JSON writes it (RFC 8259 §6).
var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func checkParameter(schema *openapi3.Schema, values []string) ([]Fault, error) {
	if len(values) > 1 {
		return []Fault{{Code: FaultRepeated, Detail: "Send this parameter once."}}, nil
	}
	if !utf8.ValidString(values[0]) {
		return []Fault{{Code: FaultSyntax, Detail: "Send UTF-8."}}, nil
	}
	if !schema.Type.Is(openapi3.TypeInteger) {
		return findFaults(schema, values[0])
	}
	if !integer.MatchString(values[0]) {
		return []Fault{expect(FaultType, typeOf(schema))}, nil
	}
	number, err := strconv.ParseFloat(values[0], 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, err
	}
	return findFaults(schema, max(-math.MaxFloat64, min(number, math.MaxFloat64)))
}
