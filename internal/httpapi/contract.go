package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"userapi/gen/api"
)

// contract holds what openapi.yaml asks of requests, found by Echo's path and method.
type contract struct {
	operations map[string]map[string]*operation
	schemas    openapi3.Schemas
	options    []openapi3.SchemaValidationOption // of values in requests
}

// operation is what the contract asks of the requests of one operation.
type operation struct {
	open         bool                        // for everyone, without a token
	headers      map[string]*openapi3.Schema // by canonical name
	headerNames  []string                    // in their order
	query        map[string]*openapi3.Schema // by name
	body         *openapi3.Schema            // nil: none is read
	bodyRequired bool
}

func newContract() (*contract, error) {
	spec, err := api.GetSpec()
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	c := &contract{
		operations: map[string]map[string]*operation{},
		schemas:    spec.Components.Schemas,
		options: []openapi3.SchemaValidationOption{
			openapi3.MultiErrors(),
			openapi3.VisitAsRequest(),
			openapi3.DisableSchemaErrorDetails(),
			openapi3.WithStringFormatValidator("email", openapi3.NewCallbackValidator(checkEmail)),
		},
	}
	for path, item := range spec.Paths.Map() {
		echoPath := strings.NewReplacer("{", ":", "}", "").Replace(path)
		c.operations[echoPath] = map[string]*operation{}
		for method, described := range item.Operations() {
			op, err := newOperation(spec, item, described)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			c.operations[echoPath][method] = op
		}
		c.operations[echoPath][echo.HEAD] = c.operations[echoPath][echo.GET]
	}
	return c, nil
}

// newOperation refuses what check would silently let pass.
func newOperation(spec *openapi3.T, item *openapi3.PathItem, described *openapi3.Operation) (*operation, error) {
	if len(spec.Security) == 0 || described.Security != nil && len(*described.Security) > 0 {
		return nil, errors.New("only the contract's own security and none at all are known")
	}
	op := &operation{
		open:    described.Security != nil,
		headers: map[string]*openapi3.Schema{},
		query:   map[string]*openapi3.Schema{},
	}
	for _, p := range append(item.Parameters[:len(item.Parameters):len(item.Parameters)], described.Parameters...) {
		schema := p.Value.Schema.Value
		switch {
		case p.Value.In == openapi3.ParameterInPath && p.Value.Name == "user_id":
			// Any string is a path; what names no user is 404, by ParseUserID.
		case p.Value.Required:
			return nil, fmt.Errorf("nothing checks that %s is there", p.Value.Name)
		case p.Value.In == openapi3.ParameterInHeader && schema.Type.Is(openapi3.TypeString) && form(schema) != "":
			op.headers[http.CanonicalHeaderKey(p.Value.Name)] = schema
		case p.Value.In == openapi3.ParameterInQuery && (schema.Type.Is(openapi3.TypeString) || schema.Type.Is(openapi3.TypeInteger)):
			if err := checkable(schema); err != nil {
				return nil, fmt.Errorf("%s: %w", p.Value.Name, err)
			}
			op.query[p.Value.Name] = schema
		default:
			return nil, fmt.Errorf("parameters like %s are not checked", p.Value.Name)
		}
	}
	op.headerNames = slices.Sorted(maps.Keys(op.headers))
	if described.RequestBody != nil {
		content := described.RequestBody.Value.Content
		if len(content) != 1 || content[echo.MIMEApplicationJSON] == nil {
			return nil, errors.New("only bodies in application/json are checked")
		}
		op.body = content[echo.MIMEApplicationJSON].Schema.Value
		op.bodyRequired = described.RequestBody.Value.Required
		if closed := op.body.AdditionalProperties.Has; closed == nil || *closed {
			return nil, errors.New("members that the body does not name would pass")
		}
		for name, member := range op.body.Properties {
			if err := checkable(member.Value); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return op, nil
}

// checkable returns an error for a schema whose faults could not be told.
func checkable(s *openapi3.Schema) error {
	combined := s.OneOf != nil || s.AnyOf != nil || s.AllOf != nil || s.Not != nil
	if combined || s.MultipleOf != nil || s.Enum != nil || s.Items != nil || s.Properties != nil {
		return errors.New("no fault code says what is wrong")
	}
	if !slices.Contains([]string{"", "int32", "password", "email"}, s.Format) {
		return fmt.Errorf("nothing checks the format %s", s.Format)
	}
	if s.Pattern != "" && form(s) == "" {
		return errors.New("there is a pattern, but no x-form to say it in words")
	}
	return nil
}

// covers returns an error if a route is no operation or an operation has no route.
func (c *contract) covers(routes []*echo.Route) error {
	routed := map[string]bool{}
	for _, route := range routes {
		if c.operations[route.Path][route.Method] == nil {
			return fmt.Errorf("%s %s is not in the contract", route.Method, route.Path)
		}
		routed[route.Method+" "+route.Path] = true
	}
	for path, methods := range c.operations {
		for method, op := range methods {
			if op != nil && !routed[method+" "+path] {
				return fmt.Errorf("%s %s is in the contract but has no route", method, path)
			}
		}
	}
	return nil
}

// leaves returns the paths below which there are no others.
func (c *contract) leaves() []string {
	paths := slices.Collect(maps.Keys(c.operations))
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		return slices.ContainsFunc(paths, func(other string) bool { return strings.HasPrefix(other, path+"/") })
	})
}

// operation returns the operation that was routed to, or nil.
func (c *contract) operation(e echo.Context) *operation {
	return c.operations[e.Path()][e.Request().Method]
}

// check refuses requests that are not what the contract asks for, and leaves the body
// for the binder. It decides in the order 415, 413, 400, 422.
func (c *contract) check(op *operation, x *exchange, e echo.Context) (err error) {
	if op.body != nil {
		if x.body, err = readBody(e.Request(), e.Response()); err != nil {
			return err
		}
	}
	if err := c.checkHeaders(op, e); err != nil {
		return err
	}
	var faults []api.Fault
	if len(op.query) > 0 {
		if faults, err = c.checkQuery(op, e.Request().URL.RawQuery); err != nil {
			return err
		}
	}
	if len(x.body) > 0 || op.bodyRequired {
		value, err := decode(x.body)
		if err != nil {
			return err
		}
		found, err := c.faults(op.body, value)
		if err != nil {
			return err
		}
		faults = append(faults, found...)
	}
	if len(faults) > 0 {
		return &requestError{Code: api.ProblemCodeInvalidRequest, Faults: faults[:min(len(faults), maxFaults)]}
	}
	return nil
}

// faults says what is wrong with a value in a request, in the order of the pointers.
func (c *contract) faults(schema *openapi3.Schema, value any) (faults []api.Fault, err error) {
	if object, ok := value.(map[string]any); ok {
		faults = unknownMembers(schema, object)
	}
	if err := schema.VisitJSON(value, c.options...); err != nil {
		found, err := newFaults(err)
		if err != nil {
			return nil, err
		}
		faults = append(faults, found...)
	}
	slices.SortFunc(faults, func(a, b api.Fault) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Code, b.Code))
	})
	return faults, nil
}

// Check holds a value, in UTF-8, against a schema of the contract, for the command line.
// It calls faulty for each fault with the name of the member, "" for the value itself,
// and with what is wanted there, as in "8 or more characters".
func Check(schema string, value any, faulty func(member, wanted string)) error {
	c, err := newContract()
	if err != nil {
		return err
	}
	faults, err := c.faults(c.schemas[schema].Value, value)
	for _, fault := range faults {
		faulty(strings.TrimPrefix(fault.Pointer, "/"), strings.TrimSuffix(strings.TrimPrefix(fault.Detail, "Send "), "."))
	}
	return err
}

// checkHeaders joins the lines of a list (RFC 9110 §5.3) and checks it.
func (c *contract) checkHeaders(op *operation, e echo.Context) error {
	header := e.Request().Header
	for _, name := range op.headerNames {
		lines, sent := header[name]
		if !sent {
			continue
		}
		value := strings.Join(lines, ", ")
		if err := op.headers[name].VisitJSON(value, c.options...); err != nil {
			return &requestError{
				Code:   api.ProblemCodeMalformedHeader,
				Detail: fmt.Sprintf("%s is malformed. Send %s.", name, form(op.headers[name])),
			}
		}
		header[name] = []string{value}
	}
	return nil
}

// integer is an integer as JSON writes it (RFC 8259 §6).
var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// checkQuery finds the faults of the parameters that the contract names, in the order
// of their names. Others are ignored.
func (c *contract) checkQuery(op *operation, raw string) ([]api.Fault, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return []api.Fault{{Code: api.FaultCodeSyntax, Detail: "Send a query of NAME=VALUE, percent-encoded."}}, nil //nolint:nilerr // it is the client's
	}
	var faults []api.Fault
	for _, name := range slices.Sorted(maps.Keys(op.query)) {
		values, sent := query[name]
		if !sent {
			continue
		}
		found, err := c.checkParameter(op.query[name], values)
		if err != nil {
			return nil, err
		}
		for _, fault := range found {
			fault.Parameter = &name
			faults = append(faults, fault)
		}
	}
	return faults, nil
}

func (c *contract) checkParameter(schema *openapi3.Schema, values []string) ([]api.Fault, error) {
	if len(values) > 1 {
		return []api.Fault{{Code: api.FaultCodeRepeated, Detail: "Send this parameter once."}}, nil
	}
	if !utf8.ValidString(values[0]) {
		return []api.Fault{{Code: api.FaultCodeSyntax, Detail: "Send UTF-8."}}, nil
	}
	if !schema.Type.Is(openapi3.TypeInteger) {
		return c.faults(schema, values[0])
	}
	if !integer.MatchString(values[0]) {
		return []api.Fault{{Code: api.FaultCodeType, Detail: "Send " + typeOf(schema) + "."}}, nil
	}
	number, _ := strconv.ParseFloat(values[0], 64) // infinite if it is beyond
	return c.faults(schema, max(-math.MaxFloat64, min(number, math.MaxFloat64)))
}

// binder gives the generated server the body that check has passed.
type binder struct{}

// Bind implements echo.Binder. io.EOF: there is no body.
func (binder) Bind(into any, e echo.Context) error {
	return bind(exchangeFrom(e.Request().Context()).body, into)
}

// checkEmail adds to the pattern what a pattern cannot say (RFC 5321 §4.5.3.1.1).
func checkEmail(address string) error {
	if strings.IndexByte(address, '@') > 64 {
		return errors.New("more than 64 characters before the @")
	}
	return nil
}
