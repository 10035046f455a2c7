package contract

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Operation is what the contract asks of the requests to one method of one path.
type Operation struct {
	ID     string // operationId
	Method string
	Path   string // the template, as in /openapi/v1/users/{user_id}
	Open   bool   // needs no token

	headers      map[string]*openapi3.Schema // by canonical name
	headerNames  []string                    // sorted
	query        map[string]*openapi3.Schema // by name
	queryNames   []string                    // sorted
	body         *openapi3.Schema            // nil: the operation reads no body
	bodyRequired bool
}

// unreserved matches a percent-encoded unreserved character: a letter, a digit, or one of -._~
var unreserved = regexp.MustCompile(`%(?i:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])`)

// NormalPath decodes the unreserved characters of an escaped path, because both spellings are
// the same path (RFC 3986 §2.3). Everything else stays, such as an encoded slash.
func NormalPath(escaped string) string {
	return unreserved.ReplaceAllStringFunc(escaped, func(triplet string) string {
		character, _ := hex.DecodeString(triplet[1:]) // the expression matches two hexadecimal digits
		return string(character)
	})
}

// TakesBody reports whether the operation reads a body.
func (o *Operation) TakesBody() bool { return o.body != nil }

// Headers returns the canonical names of the headers that the operation reads, sorted.
func (o *Operation) Headers() []string { return o.headerNames }

// newOperation fails if the operation contains something that [Operation.Check] would not check.
func newOperation(document *openapi3.T, item *openapi3.PathItem, described *openapi3.Operation) (*Operation, error) {
	if len(document.Security) == 0 || described.Security != nil && len(*described.Security) > 0 {
		return nil, errors.New("an operation has either the contract's own security or none at all")
	}
	o := &Operation{
		ID:      described.OperationID,
		Open:    described.Security != nil,
		headers: map[string]*openapi3.Schema{},
		query:   map[string]*openapi3.Schema{},
	}
	for _, parameter := range slices.Concat(item.Parameters, described.Parameters) {
		if err := o.addParameter(parameter.Value); err != nil {
			return nil, fmt.Errorf("parameter %s: %w", parameter.Value.Name, err)
		}
	}
	o.headerNames = slices.Sorted(maps.Keys(o.headers))
	o.queryNames = slices.Sorted(maps.Keys(o.query))
	if described.RequestBody == nil {
		return o, nil
	}
	return o, o.setBody(described.RequestBody.Value)
}

func (o *Operation) addParameter(p *openapi3.Parameter) error {
	schema := p.Schema.Value
	isText, isInteger := schema.Type.Is(openapi3.TypeString), schema.Type.Is(openapi3.TypeInteger)
	switch {
	case p.In == openapi3.ParameterInPath && p.Name == "user_id":
		return nil // every text is allowed here: if it names no user, the answer is 404
	case p.Required:
		return errors.New("nothing checks that it is there")
	case p.In == openapi3.ParameterInHeader && isText && form(schema) != "":
		o.headers[http.CanonicalHeaderKey(p.Name)] = schema
		return checkForm(schema)
	case p.In == openapi3.ParameterInQuery && (isText || isInteger):
		o.query[p.Name] = schema
		return checkable(schema)
	}
	return errors.New("nothing checks a parameter of this kind")
}

func (o *Operation) setBody(body *openapi3.RequestBody) error {
	if len(body.Content) != 1 || body.Content[MediaType] == nil {
		return errors.New("only bodies in application/json are checked")
	}
	o.body, o.bodyRequired = body.Content[MediaType].Schema.Value, body.Required
	if closed := o.body.AdditionalProperties.Has; closed == nil || *closed {
		return errors.New("the schema of the body lets members pass that it does not name")
	}
	for name, member := range o.body.Properties {
		if err := checkable(member.Value); err != nil {
			return fmt.Errorf("member %s: %w", name, err)
		}
	}
	return nil
}

// checkable fails if [newFault] could not explain a value that breaks the schema.
func checkable(s *openapi3.Schema) error {
	combined := s.OneOf != nil || s.AnyOf != nil || s.AllOf != nil || s.Not != nil
	if combined || s.MultipleOf != nil || s.Enum != nil || s.Items != nil || s.Properties != nil {
		return errors.New("no fault code says what is wrong with such a value")
	}
	if !slices.Contains([]string{"", "int32", "password", "email"}, s.Format) {
		return fmt.Errorf("nothing checks the format %s", s.Format)
	}
	return checkForm(s)
}
